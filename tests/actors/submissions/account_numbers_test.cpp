// What the actors of the account side say of the work that they hold.
#define CAF_SUITE account_numbers

#include <functional>
#include <utility>

#include "actors/submissions/intake.hpp"
#include "actors/submissions/ledger_client.hpp"
#include "actors/submissions/reconciler.hpp"
#include "actors/submissions/redriver.hpp"

#include "tests/actors/submissions/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t began_us = 1'770'000'000'000'000; // by the record database's clock
std::int64_t wall_ns = 0;                                // what the actors take for the time

// A recorder that answers when the test says so, which it does by asking for a report: a promise is
// kept by the actor that made it.
struct late_recorder {
  std::shared_ptr<memory_record_store> store;
  std::vector<std::function<void()>> answers;

  template <class Answer>
  caf::typed_response_promise<Answer> later(recorder_actor::pointer self, auto call) {
    auto promise = self->make_response_promise<Answer>();
    answers.push_back([promise, call]() mutable { promise.deliver(Answer{call()}); });
    return promise;
  }

  static recorder_actor::behavior_type behavior(recorder_actor::pointer self,
                                                std::shared_ptr<late_recorder> state) {
    return {
        [self, state](record_atom, const new_records_ptr& batch) {
          return state->later<recorded_batch>(self, [=] { return state->store->record(*batch); });
        },
        [self, state](settle_atom, const verdicts_ptr& batch) {
          return state->later<settled_batch>(self, [=] { return state->store->settle(*batch); });
        },
        [self, state](find_atom, const std::vector<record_id>& ids) {
          return state->later<found_records>(self, [=] { return state->store->find(ids); });
        },
        [self, state](claim_atom, std::int64_t age_ms, std::uint64_t limit) {
          return state->later<found_records>(
              self, [=] { return state->store->claim(std::chrono::milliseconds{age_ms}, limit); });
        },
        [state](report_atom) {
          for (const auto& each : std::exchange(state->answers, {}))
            each();
          return actor_report{};
        },
    };
  }
};

struct numbers_fixture : account_fixture {
  std::vector<std::shared_ptr<late_recorder>> lates;
  std::shared_ptr<fake_source> source = std::make_shared<fake_source>();
  std::shared_ptr<std::vector<transaction_record>> told =
      std::make_shared<std::vector<transaction_record>>();

  numbers_fixture() {
    wall_ns = began_us * 1000;
    publisher->confirm_at_once = false;
  }

  // What was never let go holds who asked, who holds the recorder.
  ~numbers_fixture() override {
    for (const auto& each : lates)
      each->answers.clear();
  }

  recorder_actor spawn_late_recorder() {
    const auto state = std::make_shared<late_recorder>();
    state->store = store;
    lates.push_back(state);
    return spawn_fake<recorder_actor>(
        [state](auto self) { return late_recorder::behavior(self, state); });
  }

  void let_go(const recorder_actor& late) {
    ask(
        late, [](const actor_report&) {}, report_atom_v);
    consume_messages();
  }

  // How many batches there were, and how much was in all of them.
  template <class Actor>
  std::pair<std::int64_t, std::int64_t> batches_of(const Actor& of, std::string_view name) {
    for (const auto& [what, sizes] : report_of(of).sizes)
      if (what->name == name)
        return {sizes.count(), sizes.sum()};
    CAF_FAIL("no sizes " << name);
    return {};
  }

  intake_actor spawn_intake(recorder_actor with) {
    const auto spawned = started_actor(sys.spawn(intake, intake_options{.recorder = std::move(with),
                                                                        .finder = spawn_recorder(),
                                                                        .requests = publisher,
                                                                        .currencies = currencies,
                                                                        .submissions_max = 4}));
    consume_messages();
    return spawned;
  }

  void submit(const intake_actor& to) {
    const auto now = sys.clock().now();
    caf::anon_send(to, submit_atom_v,
                   submit_request{{ten_won(), {}}, now, now + 5s, [](const submit_answer&) {}});
    consume_messages();
  }

  reconciler_actor spawn_reconciler(recorder_actor with) {
    const auto spawned = started_actor(
        sys.spawn(reconciler, reconciler_options{.instance = "account-result-consumer/0",
                                                 .node_name = "n1",
                                                 .source = source,
                                                 .dead_letters = publisher,
                                                 .currencies = currencies,
                                                 .recorder = std::move(with),
                                                 .intake = spawn_fake_intake(told),
                                                 .credit = {3, 1 << 20},
                                                 .batch_max = usual::batch_max,
                                                 .lease = 3000ms,
                                                 .turn_pause = 0ms,
                                                 .wall_clock = [] { return wall_ns; }}));
    consume_messages();
    return spawned;
  }

  // Its result, stored so long ago; comes with the next look.
  void queue(const transaction_record& of, std::uint64_t seq, std::chrono::milliseconds ago = 0ms) {
    auto next = make_delivery("transaction.result.deposit", encode_result(decided(of), 0), seq);
    next.stored_at_ns = wall_ns - std::chrono::nanoseconds{ago}.count();
    source->arriving.push_back(std::move(next));
  }

  void wake() {
    source->wake();
    consume_messages();
  }

  redriver_actor spawn_redriver(recorder_actor with, const std::shared_ptr<fake_inquirer>& ledger) {
    const auto client = started_actor(sys.spawn(ledger_client, ledger_client_options{ledger}));
    const auto spawned =
        started_actor(sys.spawn(redriver, redriver_options{.recorder = std::move(with),
                                                           .intake = spawn_fake_intake(told),
                                                           .ledger_client = client,
                                                           .requests = publisher,
                                                           .currencies = currencies,
                                                           .redrive_after = 1000ms,
                                                           .wall_clock = [] { return wall_ns; }}));
    consume_messages();
    return spawned;
  }

  // All clocks.
  void live(std::chrono::milliseconds duration) {
    database->pass(duration);
    wall_ns += std::chrono::nanoseconds{duration}.count();
    pass(duration);
  }
};

using sizes = std::pair<std::int64_t, std::int64_t>;
using times = std::pair<std::int64_t, std::chrono::microseconds>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(account_numbers_tests, numbers_fixture)

CAF_TEST(an intake says how much it may hold and how old what it holds is) {
  const auto subject = spawn_intake(spawn_recorder());
  CAF_CHECK_EQUAL(number(subject, "credit"), 4);
  pass(200ms);
  CAF_CHECK_EQUAL(number(subject, "oldest_held_ms"), 0);
  CAF_CHECK_EQUAL(number(subject, "idle_ms"), 200);
  submit(subject);
  pass(300ms);
  submit(subject);
  CAF_CHECK_EQUAL(number(subject, "idle_ms"), 0);
  CAF_CHECK_EQUAL(number(subject, "oldest_held_ms"), 300); // no PubAck yet
  publisher->answer(publisher->published.front().token, true);
  consume_messages();
  CAF_CHECK_EQUAL(number(subject, "oldest_held_ms"), 0);
  CAF_CHECK_EQUAL(number(subject, "held"), 1);
}

CAF_TEST(a submission that the database does not record has its age) {
  const auto subject = spawn_intake(spawn_late_recorder());
  submit(subject);
  pass(700ms);
  submit(subject);
  CAF_CHECK_EQUAL(number(subject, "oldest_held_ms"), 700);
  CAF_CHECK_EQUAL(number(subject, "held"), 2);
  CAF_CHECK(batches_of(subject, "recorded") == sizes(1, 1));
  CAF_CHECK_EQUAL(stage_of(subject, "record_commit").first, 0);
}

CAF_TEST(each batch of submissions has its size and the time of its commit) {
  const auto late = spawn_late_recorder();
  const auto subject = spawn_intake(late);
  submit(subject);
  submit(subject); // waits for the first
  pass(200ms);
  let_go(late);
  pass(300ms);
  let_go(late);
  CAF_CHECK(batches_of(subject, "recorded") == sizes(2, 2));
  CAF_CHECK(stage_of(subject, "record_commit") == times(2, 500ms));
}

CAF_TEST(each batch of results has its size and the time of its commit) {
  const auto late = spawn_late_recorder();
  const auto subject = spawn_reconciler(late);
  queue(pending_record("bob"), 1);
  queue(pending_record("cyd"), 2);
  wake();
  CAF_CHECK(batches_of(subject, "results_pulled") == sizes(1, 2));
  CAF_CHECK(batches_of(subject, "results_settled") == sizes(1, 2));
  CAF_CHECK(stage_of(subject, "settle_commit") == times(0, 0ms));
  pass(400ms);
  let_go(late);
  CAF_CHECK(stage_of(subject, "settle_commit") == times(1, 400ms));
}

CAF_TEST(each claim has its size and the time of its commit and so have its verdicts) {
  const auto late = spawn_late_recorder();
  const auto ledger = std::make_shared<fake_inquirer>();
  const auto subject = spawn_redriver(late, ledger);
  const auto record = pending_record("bob");
  live(1500ms); // a claim is on its way since the first beat
  let_go(late);
  const auto claimed = stage_of(subject, "redrive_commit");
  CAF_CHECK_EQUAL(claimed.first, 1);
  CAF_CHECK(batches_of(subject, "claimed") == sizes(1, 1));
  ledger->answer(ledger->asked.back().token, true, encode_verdicts({decided(record)}, *currencies));
  consume_messages();
  pass(100ms);
  let_go(late);
  CAF_CHECK(stage_of(subject, "redrive_commit") == times(2, claimed.second + 100ms));
}

CAF_TEST(a reconciler says what waits and how old the oldest result is that it holds) {
  const auto subject = spawn_reconciler(spawn_late_recorder());
  CAF_CHECK_EQUAL(number(subject, "credit"), 3);
  CAF_CHECK_EQUAL(number(subject, "pending"), not_known);
  CAF_CHECK_EQUAL(number(subject, "oldest_unsettled_ms"), not_known);
  source->waiting = 0;
  CAF_CHECK_EQUAL(number(subject, "oldest_unsettled_ms"), 0);
  live(400ms);
  CAF_CHECK_EQUAL(number(subject, "idle_ms"), 400);
  source->waiting = 7;
  queue(pending_record("ann"), 1, 5000ms);
  queue(pending_record("bob"), 2, 100ms);
  wake();
  live(200ms);
  CAF_CHECK_EQUAL(number(subject, "pending"), 7);
  CAF_CHECK_EQUAL(number(subject, "oldest_unsettled_ms"), 5200);
  CAF_CHECK_EQUAL(number(subject, "idle_ms"), 200);
  source->waiting = 0;
  queue(pending_record("cyd"), 3);
  wake();
  CAF_CHECK_EQUAL(number(subject, "pending"), not_known); // nothing more is asked for
}

CAF_TEST(a redriver says how old the oldest record is that it drives) {
  const auto ledger = std::make_shared<fake_inquirer>();
  pending_record("ann");
  const auto subject = spawn_redriver(spawn_recorder(), ledger);
  CAF_CHECK_EQUAL(number(subject, "held"), 0);
  CAF_CHECK_EQUAL(number(subject, "oldest_held_ms"), 0);
  live(1500ms);
  CAF_CHECK_EQUAL(number(subject, "held"), 1);
  CAF_CHECK_EQUAL(number(subject, "oldest_held_ms"), 1499); // each of its writes is a microsecond
  CAF_CHECK_EQUAL(number(subject, "idle_ms"), 1200);        // claimed at the first beat
  live(1000ms);
  CAF_CHECK_EQUAL(number(subject, "oldest_held_ms"), 2499);
  ledger->answer(ledger->asked.back().token, true, encode_verdicts({}, *currencies));
  consume_messages();
  CAF_CHECK_EQUAL(number(subject, "publishing"), 1); // undecided: published again
  CAF_CHECK_EQUAL(number(subject, "held"), 1);
  publisher->answer(publisher->published.back().token, true);
  consume_messages();
  CAF_CHECK_EQUAL(number(subject, "held"), 0);
  CAF_CHECK_EQUAL(number(subject, "credit"), 500);
}

CAF_TEST_FIXTURE_SCOPE_END()
