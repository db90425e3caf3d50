// PEER and RECEIVER as actors, joined by a line under the test's hand.
#define CAF_SUITE peer

#include "actors/ledger/peer.hpp"

#include "actors/ledger/receiver.hpp"
#include "tests/support/fake_desk.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

constexpr boot_id us{1};
constexpr boot_id them{2};

// Puts frames on the peer's desk and brings back what is answered there.
class desk_line final : public peer_line {
public:
  explicit desk_line(std::shared_ptr<fake_desk> there) : there_(std::move(there)) {}

  bool listens = true;
  bool cut = false; // both ways

  void open(waker wake) override { wake_ = std::move(wake); }

  void send(std::uint64_t number, std::string_view frame) override {
    if (cut)
      return;
    if (listens)
      there_->put({.subject = {},
                   .payload = std::string{frame},
                   .headers = {},
                   .reply = "_INBOX.us." + std::to_string(number),
                   .arrived = {}});
    else
      nobody_.push_back({number, true, {}});
  }

  std::vector<line_reply> take() override {
    auto result = std::exchange(nobody_, {});
    const auto answers = there_->answers();
    for (; taken_ < answers.size(); ++taken_)
      if (!cut)
        result.push_back(
            {std::stoull(answers[taken_].reply.substr(10)), false, answers[taken_].payload});
    return result;
  }

  std::size_t message_bytes_max() const override { return 1 << 20; }

  void wake() { wake_(); }

private:
  std::shared_ptr<fake_desk> there_;
  waker wake_;
  std::vector<line_reply> nobody_;
  std::size_t taken_ = 0;
};

struct peer_fixture : fixture {
  std::shared_ptr<fake_desk> desk = std::make_shared<fake_desk>();
  std::shared_ptr<desk_line> line = std::make_shared<desk_line>(desk);
  std::vector<bool> links;                    // what the region heard
  std::vector<asked_entry> given_back;        // to our region
  std::vector<asked_entry> there;             // at the region of the other node
  std::map<ticket, ticketed_answer> answered; // what our fetcher heard
  std::vector<std::string> order;             // of what our region heard
  peer_actor subject;
  receiver_actor other;
  answer_sink fetcher;

  peer_fixture() {
    const auto observer = spawn_fake<link_sink>([this](link_sink::pointer) {
      return link_sink::behavior_type{[this](link_atom, boot_id which, bool up) {
        CAF_CHECK(which == them);
        links.push_back(up);
        order.emplace_back(up ? "up" : "down");
      }};
    });
    const auto collect = [this](std::vector<asked_entry>& into, const char* what) {
      return spawn_fake<entry_sink>([this, &into, what](entry_sink::pointer) {
        return entry_sink::behavior_type{
            [=, this, &into](apply_atom, std::vector<asked_entry>& got) {
              order.emplace_back(what);
              std::move(got.begin(), got.end(), std::back_inserter(into));
            }};
      });
    };
    fetcher = spawn_fake<answer_sink>([this](answer_sink::pointer) {
      return answer_sink::behavior_type{[this](answer_atom, std::vector<ticketed_answer>& got) {
        for (auto& each : got)
          CAF_CHECK(answered.emplace(each.tag, each).second);
      }};
    });
    const auto our_region = collect(given_back, "back");
    other = started_actor(sys.spawn(
        receiver, receiver_options{.self = them, .desk = desk, .region = collect(there, "there")}));
    subject = started_actor(sys.spawn(peer, peer_options{.self = us,
                                                         .peer = them,
                                                         .peer_name = "them",
                                                         .line = line,
                                                         .region = our_region,
                                                         .observer = observer}));
    settle();
  }

  // Everything that is under way arrives.
  void settle() {
    for (int i = 0; i < 4; ++i) {
      consume_messages();
      line->wake();
      consume_messages();
    }
  }

  void ask(std::int64_t first, std::int64_t last) {
    std::vector<asked_entry> batch;
    for (auto id = first; id <= last; ++id)
      batch.push_back({deposit(id, "ann", 5), {fetcher, static_cast<ticket>(id)}, 0, 2});
    caf::anon_send(subject, apply_atom_v, std::move(batch));
    settle();
  }

  // The gate of the other node decides all that is there.
  void decide() {
    std::vector<ticketed_answer> batch;
    for (const auto& each : std::exchange(there, {}))
      batch.push_back(
          {each.from.tag,
           answer{outcome::applied,
                  {transaction_id{1}, each.asked.id, each.asked.account, 1, each.asked.type,
                   each.asked.amount, outcome::applied, money{5}, database_time{1}}},
           {},
           false});
    caf::anon_send(other, answer_atom_v, std::move(batch));
    settle();
  }

  template <class Handle>
  std::shared_ptr<bool> drain(const Handle& whom, std::int64_t deadline_ms) {
    auto done = std::make_shared<bool>(false);
    ask_drain(whom, done, deadline_ms);
    return done;
  }

  template <class Handle>
  void ask_drain(const Handle& whom, std::shared_ptr<bool> done, std::int64_t deadline_ms) {
    fixture::ask(
        whom, [done](const drain_summary&) { *done = true; }, drain_atom_v, deadline_ms);
    settle();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(peer_tests, peer_fixture)

CAF_TEST(a link that carries is told and entries are decided over there) {
  CAF_CHECK(links == std::vector<bool>{true});
  ask(1, 3);
  CAF_REQUIRE_EQUAL(there.size(), 3u);
  CAF_CHECK_EQUAL(there[0].hops_left, 0u);
  CAF_CHECK(answered.empty());
  decide();
  CAF_CHECK_EQUAL(answered.size(), 3u);
  CAF_CHECK_EQUAL(answered.at(2).verdict->stored.account.user_id, "ann");
  CAF_CHECK(given_back.empty());
}

CAF_TEST(the death of a peer gives everything back at once after word of it) {
  ask(1, 3);
  line->listens = false;
  order.clear();
  ask(4, 4);
  CAF_CHECK_EQUAL(given_back.size(), 4u);
  CAF_CHECK_EQUAL(given_back.at(0).hops_left, 1u);
  CAF_CHECK((order == std::vector<std::string>{"down", "back"}));
  // What is given to it now comes back, too.
  ask(5, 5);
  CAF_CHECK_EQUAL(given_back.size(), 5u);
  line->listens = true;
  pass(1000ms);
  settle();
  CAF_CHECK((links == std::vector<bool>{true, false, true}));
}

CAF_TEST(a peer that falls silent is noticed and late answers go nowhere) {
  ask(1, 1);
  line->cut = true;
  pass(2000ms);
  CAF_CHECK(given_back.empty());
  pass(1500ms);
  CAF_CHECK_EQUAL(given_back.size(), 1u);
  CAF_CHECK((links == std::vector<bool>{true, false}));
  line->cut = false;
  decide();
  pass(1000ms);
  settle();
  CAF_CHECK(answered.empty());
  CAF_CHECK((links == std::vector<bool>{true, false, true}));
}

CAF_TEST(a peer that is ended at once gives back before it says so) {
  ask(1, 2);
  order.clear();
  const auto done = drain(subject, 0);
  CAF_CHECK(*done);
  CAF_CHECK_EQUAL(given_back.size(), 2u);
  CAF_CHECK((order == std::vector<std::string>{"down", "back"}));
  decide();
  CAF_CHECK(answered.empty());
  ask(3, 3);
  CAF_CHECK_EQUAL(given_back.size(), 3u);
}

CAF_TEST(a peer that has time finishes what it holds) {
  ask(1, 2);
  const auto done = drain(subject, 5000);
  CAF_CHECK(!*done);
  decide();
  CAF_CHECK(*done);
  CAF_CHECK_EQUAL(answered.size(), 2u);
  CAF_CHECK(given_back.empty());
}

CAF_TEST(a peer that is told to exit gives everything back) {
  ask(1, 2);
  caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK_EQUAL(given_back.size(), 2u);
}

CAF_TEST(a receiver that leaves finishes the old and returns the new) {
  ask(1, 2);
  const auto done = drain(other, 3000);
  ask(3, 4);
  CAF_CHECK_EQUAL(given_back.size(), 2u);
  CAF_CHECK(!*done);
  decide();
  CAF_CHECK(*done);
  CAF_CHECK_EQUAL(answered.size(), 2u);
}

CAF_TEST(a receiver out of time returns what is left and ignores what comes after) {
  ask(1, 2);
  const auto done = drain(other, 1000);
  pass(1200ms);
  settle();
  CAF_CHECK(*done);
  CAF_CHECK_EQUAL(given_back.size(), 2u);
  CAF_CHECK(answered.empty());
  decide();
  CAF_CHECK(answered.empty());
}

CAF_TEST(an owner that is slow and says so keeps what it has) {
  ask(1, 3);
  pass(20000ms);
  settle();
  CAF_CHECK(given_back.empty());
  CAF_CHECK_EQUAL(there.size(), 3u);
  CAF_CHECK(links == std::vector<bool>{true});
  decide();
  CAF_CHECK_EQUAL(answered.size(), 3u);
}

CAF_TEST_FIXTURE_SCOPE_END()
