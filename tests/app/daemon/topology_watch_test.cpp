#include "app/daemon/topology_watch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "actors/common/log.hpp"
#include "app/config/config.hpp"
#include "app/config/machine.hpp"
#include "app/daemon/roles.hpp"
#include "app/operations/topology_board.hpp"
#include "messaging/topology.hpp"
#include "tests/app/repair/fake_world.hpp"

#define CAF_SUITE topology_watch
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

// All is there, or the stream of requests is missing; looks fail for as long as is wanted.
class moody_broker final : public test::fake_broker {
public:
  std::atomic<bool> silent{false};  // nothing is answered
  std::atomic<bool> lacking{false}; // a stream is missing
  std::atomic<bool> unjudged{false};
  std::atomic<bool> weak{false}; // a copy of the results
  std::atomic<bool> beside_silent{false};
  std::atomic<bool> unled{false};       // the consumers
  std::atomic<bool> one_unled{false};   // that of withdrawals alone
  std::atomic<bool> misset{false};      // a consumer and a stream
  std::atomic<std::int64_t> made_at{1}; // the stream of requests
  std::atomic<int> looks{0};
  std::atomic<std::uint64_t> handed_out{7}; // of seven, by a consumer on another server

  stream_state stream(std::string_view name) override {
    if (name == names::request_stream)
      ++looks;
    if (silent)
      throw std::runtime_error("nobody answers");
    if (beside_silent && (name == names::exhausted_stream || name == names::action_stream))
      throw part_silent("stream " + std::string(name) + ": no server answers for it");
    stream_state state;
    state.exists = !lacking || name != names::request_stream;
    state.messages = state.last_seq = 7;
    state.created_at_ns = made_at;
    state.leader = "n1";
    if (weak && name == names::result_stream)
      state.weak_copies = {"n3"};
    return state;
  }

  std::vector<std::string> consumer_names(std::string_view of) override {
    std::vector<std::string> result;
    for (const auto& each : durable_consumers)
      if (each.stream == of)
        result.emplace_back(each.name);
    return result;
  }

  consumer_state consumer(std::string_view, std::string_view name) override {
    if (unled || (one_unled && name == "withdrawal-consumer"))
      throw part_silent("no server answers for it");
    return {.exists = true, .delivered = handed_out, .created_at_ns = 1, .leader = "n2"};
  }

  // Of deposits the last one; there is no withdrawal.
  std::optional<stored_message> last_message(std::string_view, std::string_view of) override {
    return of == "transaction.deposit" ? std::optional(stored_message{.seq = 7, .stored_at_ns = 2})
                                       : std::nullopt;
  }

  provision_report provision(const provisioning&) override {
    if (unjudged)
      throw std::runtime_error("nobody answers");
    provision_report found;
    if (one_unled)
      found.silent.emplace_back("consumer withdrawal-consumer of stream TRANSACTIONS: silent");
    if (beside_silent)
      found.silent.emplace_back("stream TRANSACTION_ACTIONS: silent");
    if (misset)
      found.refused.emplace_back("consumer deposit-consumer of stream TRANSACTIONS: wrong");
    if (misset && !beside_silent)
      found.refused.emplace_back("stream TRANSACTION_ACTIONS: wrong");
    if (lacking)
      found.refused.emplace_back("stream is missing");
    return found;
  }
};

struct fixture {
  template <class Condition>
  bool comes_true(Condition condition) {
    for (int i = 0; i < 5000 && !condition(); ++i)
      std::this_thread::sleep_for(1ms);
    return condition();
  }

  // Several looks begin and end from now on.
  bool looks_again() {
    const int seen = nats.looks;
    return comes_true([&] { return nats.looks > seen + 3; });
  }

  moody_broker nats;
  std::shared_ptr<topology_board> board = std::make_shared<topology_board>();
  topology_pauses pauses{.look = 1ms, .judge = 1h, .complain = 1h, .costly = 1h};
};

} // namespace

CAF_TEST(who may hold less than the largest message is told so) {
  constexpr std::size_t megabyte = 1 << 20;
  config settings; // both roles: 8 MiB for each fetcher, 6 for the reconciler
  CAF_CHECK_EQUAL(payload_warning(settings, 5 * megabyte), "");
  const auto warning = payload_warning(settings, 8 * megabyte);
  CAF_CHECK(warning.starts_with("max_payload of nats-server is 8388608 bytes, and of what is "
                                "pulled from one consumer at a time 6291456 may be held"));
  CAF_CHECK(warning.ends_with("raise memory-max, or run fewer fetchers"));
  CAF_CHECK_NOT_EQUAL(payload_warning(settings, 6 * megabyte), ""); // its subject counts, too
  settings.roles = {role::ledger};
  CAF_CHECK_EQUAL(payload_warning(settings, 8 * megabyte), "");
  // Nobody is warned of the default.
  for (const unsigned processors : {1U, 16U, 64U}) {
    static_cast<engine_settings&>(settings) = derive_engine(processors, settings.memory_max);
    for (const auto& roles : {std::vector{role::ledger, role::account}, {role::account}}) {
      settings.roles = roles;
      CAF_CHECK_EQUAL(payload_warning(settings, megabyte), "");
    }
  }
}

CAF_TEST_FIXTURE_SCOPE(tests, fixture)

CAF_TEST(what could not be looked at is said and is nothing that is wrong) {
  nats.silent = true;
  const topology_watch watch{{}, nats, board, pauses};
  CAF_REQUIRE(looks_again());
  CAF_CHECK_EQUAL(board->problem(), "streams and consumers cannot be looked at: nobody answers");
  CAF_CHECK_EQUAL(board->counts().refused, 0U);
  nats.silent = false;
  CAF_CHECK(comes_true([&] { return board->problem().empty(); }));
}

CAF_TEST(what was seen wrong stays so while nobody can look again) {
  nats.lacking = true;
  const topology_watch watch{{}, nats, board, pauses};
  CAF_REQUIRE(comes_true([&] { return board->counts().refused == 1; }));
  nats.silent = true;
  CAF_REQUIRE(looks_again());
  CAF_CHECK_EQUAL(board->counts().refused, 1U);
  CAF_CHECK(board->problem().find("is missing") != std::string::npos);
  CAF_CHECK(board->problem().find("cannot be looked at") != std::string::npos);
}

CAF_TEST(what is missing is wrong although the rest cannot be judged) {
  nats.lacking = nats.unjudged = true;
  const topology_watch watch{{}, nats, board, pauses};
  CAF_REQUIRE(looks_again());
  CAF_CHECK_EQUAL(board->counts().refused, 1U);
  CAF_CHECK(board->problem().find("TRANSACTIONS is missing") != std::string::npos);
}

CAF_TEST(a consumer whose server does not see what the stream holds is wrong until it does) {
  nats.handed_out = 5;
  pauses.blind = 20ms;
  const topology_watch watch{{}, nats, board, pauses};
  CAF_REQUIRE(comes_true([&] { return !board->problem().empty(); }));
  CAF_CHECK_EQUAL(board->problem(),
                  "the server n2, which leads the consumer deposit-consumer, does not see what the "
                  "stream TRANSACTIONS holds: it has handed out up to 5 and says that nothing "
                  "waits, but 7 is there; have another server lead it (nats consumer cluster "
                  "step-down TRANSACTIONS deposit-consumer)");
  nats.handed_out = 7;
  CAF_CHECK(comes_true([&] { return board->problem().empty(); }));
}

CAF_TEST(a silent consumer is left to whoever pulls from it) {
  nats.unled = true;
  const topology_watch watch{{}, nats, board, pauses};
  CAF_REQUIRE(looks_again());
  CAF_CHECK_EQUAL(board->problem(), "");
}

CAF_TEST(beside a silent consumer the other is looked at) {
  nats.one_unled = true;
  nats.handed_out = 5;
  pauses.blind = 20ms;
  const topology_watch watch{{}, nats, board, pauses};
  CAF_CHECK(comes_true([&] {
    return board->problem().find("deposit-consumer, does not see") != std::string::npos;
  }));
}

CAF_TEST(what was wrong with what is silent stays so and the rest is judged) {
  nats.misset = true;
  pauses.judge = 1ms;
  const topology_watch watch{{}, nats, board, pauses};
  CAF_REQUIRE(comes_true([&] { return board->counts().refused == 2; }));
  nats.beside_silent = nats.one_unled = true;
  CAF_REQUIRE(looks_again());
  CAF_CHECK_EQUAL(board->counts().refused, 2U); // neither forgotten nor said twice
  nats.misset = false;
  CAF_CHECK(comes_true([&] { return board->counts().refused == 1; }));
  CAF_CHECK(board->problem().find("stream TRANSACTION_ACTIONS: wrong") != std::string::npos);
  nats.beside_silent = false;
  CAF_CHECK(comes_true([&] { return board->problem().empty(); }));
}

CAF_TEST(a silent stream without which money moves leaves the node ready and is told) {
  nats.beside_silent = true;
  const topology_watch watch{{}, nats, board, pauses};
  CAF_REQUIRE(looks_again());
  CAF_CHECK_EQUAL(board->problem(), "");
  const auto has_fill = [&](std::string_view name) {
    const auto fills = board->fills();
    return std::any_of(fills.begin(), fills.end(),
                       [&](const auto& each) { return each.stream == name; });
  };
  CAF_CHECK(has_fill(names::request_stream));
  CAF_CHECK(!has_fill(names::action_stream)); // an old number would be a lie
}

CAF_TEST(what went with its stream is told while a consumer is silent) {
  nats.unled = true;
  const topology_watch watch{{}, nats, board, pauses};
  CAF_REQUIRE(looks_again());
  nats.made_at = 2;
  CAF_CHECK(comes_true([&] { return board->counts().deleted_unread == 7; }));
}

CAF_TEST(what streams hold is not told while nobody answers for them) {
  nats.handed_out = 7;
  const topology_watch watch{{}, nats, board, pauses};
  CAF_CHECK(comes_true([&] { return !board->fills().empty(); }));
  nats.silent = true;
  CAF_CHECK(comes_true([&] { return board->fills().empty(); }));
  nats.silent = false;
  CAF_CHECK(comes_true([&] { return !board->fills().empty(); }));
}

CAF_TEST(a copy that is missing for long shows in numbers and in the log) {
  std::mutex mutex;
  std::vector<std::string> said;
  on_change([&](const log_change& line) {
    const std::lock_guard lock{mutex};
    said.push_back(line.sentence);
  });
  const auto is_said = [&](const std::string& words) {
    const std::lock_guard lock{mutex};
    return std::any_of(said.begin(), said.end(),
                       [&](const auto& each) { return each.find(words) != std::string::npos; });
  };
  const auto missing = [&] {
    std::size_t count = 0;
    for (const auto& each : board->fills())
      count += each.stream == names::result_stream ? each.missing_copies : 0;
    return count;
  };
  nats.handed_out = 7;
  pauses.weak = 50ms;
  {
    const topology_watch watch{{}, nats, board, pauses};
    CAF_CHECK(looks_again());
    CAF_CHECK_EQUAL(missing(), 0u);
    nats.weak = true;
    CAF_CHECK(comes_true([&] { return missing() == 1; }));
    CAF_CHECK(comes_true([&] { return is_said("copy of the stream TRANSACTION_RESULTS"); }));
    CAF_CHECK_EQUAL(board->problem(), ""); // the money goes on
    nats.weak = false;
    CAF_CHECK(comes_true([&] { return missing() == 0; }));
    CAF_CHECK(comes_true([&] { return is_said("all copies of the stream TRANSACTION_RESULTS"); }));
  }
  on_change(nullptr);
}

CAF_TEST_FIXTURE_SCOPE_END()
