#define CAF_SUITE stuck_account

#include "actors/ledger/root.hpp"

#include <algorithm>

#include "tests/actors/simulation_checks.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr capacity credit{8192, std::size_t{8} << 20};
constexpr std::size_t note_bytes = 4096;

// A consumer that is asked for no less than the largest message and some of its frame, as a pull
// source does.
class measured_source : public delivery_source {
public:
  static constexpr std::size_t request_bytes_min = (std::size_t{1} << 20) + 8 * 1024;

  std::deque<delivery> waiting;
  std::map<std::string, settlement, std::less<>> settled; // by receipt

  void open(waker wake) override { wake_ = std::move(wake); }
  void pull(const capacity& room) override {
    auto left = room;
    for (const auto& each : arrived_) {
      left.messages -= std::min<std::size_t>(left.messages, 1);
      left.bytes -= std::min(left.bytes, bytes_of(each));
    }
    if (left.bytes < request_bytes_min)
      return;
    const auto before = arrived_.size();
    while (!waiting.empty() && left.messages > 0 && bytes_of(waiting.front()) <= left.bytes) {
      --left.messages;
      left.bytes -= bytes_of(waiting.front());
      arrived_.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    if (arrived_.size() > before)
      wake_();
  }
  std::vector<delivery> take() override { return std::exchange(arrived_, {}); }
  void settle(std::string_view receipt, settlement how) override {
    settled[std::string{receipt}] = how;
  }
  void close() override {}

  bool has(std::int64_t seq, settlement how) const {
    const auto found = settled.find("receipt." + std::to_string(seq));
    return found != settled.end() && found->second == how;
  }

  std::ptrdiff_t count(settlement how) const {
    return std::count_if(settled.begin(), settled.end(),
                         [how](const auto& each) { return each.second == how; });
  }

private:
  waker wake_;
  std::vector<delivery> arrived_;
};

struct stuck_account_fixture : fixture {
  std::shared_ptr<measured_source> source = std::make_shared<measured_source>();
  std::shared_ptr<memory_store> store = std::make_shared<memory_store>();
  std::shared_ptr<memory_store> side_store = std::make_shared<memory_store>(store->shared());
  std::int64_t last = 0;

  stuck_account_fixture() {
    ledger_root_options options{.node_name = "node",
                                .fetchers = {},
                                .stores = {store},
                                .side_stores = {side_store},
                                .currencies = won(),
                                .rules = {},
                                .batch_max = usual::batch_max,
                                .ledgers_max = 100,
                                .ledger_idle = std::chrono::minutes{1},
                                .attempts_max = usual::attempts_max,
                                .lease = usual::lease,
                                .detach = false};
    options.fetchers.push_back({"deposits/0", source, std::make_shared<fake_publisher>(), credit});
    const auto root = started_actor(sys.spawn(ledger_root, options));
    consume_messages();
    auto& state =
        deref<caf::stateful_actor<ledger_root_state, ledger_root_actor::base>>(root).state;
    for (const auto& each : state.children())
      started_actor(each.handle);
  }

  // Its record id is its place in the stream.
  std::int64_t store_deposit(const std::string& user, std::size_t more_bytes = 0) {
    ++last;
    source->waiting.push_back(make_delivery(
        "transaction.deposit",
        R"({"recordId":)" + std::to_string(last) + R"(,"userId":")" + user
            + R"(","amount":1,"currency":"KRW","note":")" + std::string(more_bytes, 'x') + "\"}",
        static_cast<std::uint64_t>(last)));
    return last;
  }

  void block(const std::string& user) {
    for (const auto& each : {store, side_store})
      each->block(won_account(user), memory_store::naming::at_once);
  }

  void unblock(const std::string& user) {
    for (const auto& each : {store, side_store})
      each->unblock(won_account(user));
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(stuck_account_tests, stuck_account_fixture)

CAF_TEST(large requests of an account that is stuck do not hold up those of another) {
  block("ann");
  for (int i = 0; i < 3000; ++i)
    store_deposit("ann", note_bytes);
  const auto other = store_deposit("bob");
  pass(std::chrono::milliseconds{8000});
  CAF_CHECK(source->has(other, settlement::acknowledge));
  CAF_CHECK_EQUAL(source->count(settlement::acknowledge), 1);
  // What was let go comes again, and what was kept goes on, in order.
  const auto let_go = source->count(settlement::let_go);
  CAF_CHECK(let_go > 0 && let_go < 3000);
  const auto kept = static_cast<std::size_t>(3000 - let_go) * note_bytes;
  CAF_CHECK(kept < credit.bytes / 4 && kept > credit.bytes / 5);
  CAF_CHECK(!source->has(1, settlement::let_go));
  unblock("ann");
  pass(std::chrono::milliseconds{8000});
  CAF_CHECK_EQUAL(source->count(settlement::acknowledge), 1 + 3000 - let_go);
  check_chains(store->shared()->picture());
}

CAF_TEST(small requests of an account that is stuck are bounded by their number) {
  block("ann");
  for (int i = 0; i < 9000; ++i)
    store_deposit("ann");
  const auto other = store_deposit("bob");
  pass(std::chrono::milliseconds{8000});
  CAF_CHECK(source->has(other, settlement::acknowledge));
  CAF_CHECK_LESS_OR_EQUAL(9000 - source->count(settlement::let_go),
                          static_cast<std::ptrdiff_t>(credit.messages / 4 + usual::batch_max));
}

CAF_TEST_FIXTURE_SCOPE_END()
