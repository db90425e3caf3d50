#define CAF_SUITE gate

#include "actors/gate.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

// Answers from a script; the last step is repeated.
struct scripted_store {
  std::vector<gate_batch_ptr> posted;
  std::deque<store_failure_kind> failures;
  std::optional<record_id> poison;

  post_result post(const gate_batch_ptr& batch) {
    posted.push_back(std::make_shared<gate_batch>(*batch));
    if (!failures.empty()) {
      const auto kind = failures.front();
      failures.pop_front();
      return store_failure{kind, "scripted"};
    }
    ledgerd::posted result;
    for (const auto& group : batch->groups) {
      group_answer answered;
      for (const auto& each : group.entries) {
        if (poison == each.id)
          return store_failure{store_failure_kind::rejected, "poison"};
        posting row;
        row.record = each.id;
        answered.answers.push_back({outcome::applied, row});
      }
      answered.head = {money{1}, static_cast<std::int64_t>(group.entries.size())};
      result.groups.push_back(std::move(answered));
    }
    return result;
  }
};

struct gate_fixture : fixture {
  std::shared_ptr<scripted_store> store = std::make_shared<scripted_store>();
  std::shared_ptr<std::vector<bool>> circuit = std::make_shared<std::vector<bool>>();
  std::shared_ptr<std::vector<ticketed_answer>> answers =
      std::make_shared<std::vector<ticketed_answer>>();
  std::shared_ptr<std::map<std::string, std::vector<std::optional<account_head>>>> heads =
      std::make_shared<std::map<std::string, std::vector<std::optional<account_head>>>>();
  fetcher_actor fetcher;
  gate_actor subject;

  explicit gate_fixture(std::chrono::milliseconds post_pause = 0ms) {
    gate_options options;
    options.poster =
        spawn_fake<poster_actor>([s = store](poster_actor::pointer) -> poster_actor::behavior_type {
          return {[s](post_atom, const gate_batch_ptr& batch) {
                    return posted_batch{s->post(batch), 1};
                  },
                  [](report_atom) { return actor_report{}; }};
        });
    options.node =
        spawn_fake<node_actor>([c = circuit](node_actor::pointer) -> node_actor::behavior_type {
          return {
              [c](circuit_atom, std::uint32_t, bool open) { c->push_back(open); },
              [](beat_atom) {},
              [](drain_atom, std::int64_t) { return drain_summary{}; },
              [](report_atom) { return std::vector<actor_report>{}; },
          };
        });
    options.batch_max = 4;
    options.post_pause = post_pause;
    fetcher = spawn_fake<fetcher_actor>(
        [a = answers](fetcher_actor::pointer) -> fetcher_actor::behavior_type {
          return {
              [](wake_atom) {},
              [](turn_atom) {},
              [](beat_atom) {},
              [a](answer_atom, std::vector<ticketed_answer>& got) {
                std::move(got.begin(), got.end(), std::back_inserter(*a));
              },
              [](circuit_atom, bool) {},
              [](pulse_atom, bool) {},
              [](drain_atom, std::int64_t) { return drain_summary{}; },
              [](report_atom) { return actor_report{}; },
          };
        });
    subject = started_actor(sys.spawn(gate, options));
    consume_messages();
  }

  void post(const std::string& user, std::vector<std::int64_t> ids) {
    ledger_group next;
    next.ledger = spawn_fake<ledger_actor>(
        [h = heads, user](ledger_actor::pointer) -> ledger_actor::behavior_type {
          return {
              [](apply_atom, const account_batch&) {},
              [h, user](head_atom, std::optional<account_head> head) {
                (*h)[user].push_back(head);
              },
              [](idle_atom) {},
          };
        });
    next.group.account = won_account(user);
    for (const auto id : ids) {
      next.group.entries.push_back(deposit(id, user, 1));
      next.origins.push_back({fetcher, static_cast<ticket>(id)});
    }
    caf::anon_send(subject, post_atom_v, std::move(next));
  }

  std::vector<std::int64_t> answered_tags() const {
    std::vector<std::int64_t> tags;
    for (const auto& each : *answers)
      tags.push_back(static_cast<std::int64_t>(each.tag));
    std::sort(tags.begin(), tags.end());
    return tags;
  }
};

struct paced_gate_fixture : gate_fixture {
  paced_gate_fixture() : gate_fixture(10ms) {}
};

using ids = std::vector<std::int64_t>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(gate_tests, gate_fixture)

CAF_TEST(groups that arrive during a commit are posted as one batch) {
  post("ann", {1});
  sched.run_once(); // the gate hands the first group to the poster
  post("bob", {2});
  post("cid", {3});
  consume_messages();
  CAF_REQUIRE_EQUAL(store->posted.size(), 2u);
  CAF_CHECK_EQUAL(store->posted[0]->groups.size(), 1u);
  CAF_CHECK_EQUAL(store->posted[1]->groups.size(), 2u);
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3}));
}

CAF_TEST(a batch never exceeds its size) {
  post("ann", {1});
  sched.run_once();
  post("bob", {2, 3, 4});
  post("cid", {5, 6});
  consume_messages();
  CAF_REQUIRE_EQUAL(store->posted.size(), 3u);
  CAF_CHECK_EQUAL(store->posted[1]->entries, 3u);
  CAF_CHECK_EQUAL(store->posted[2]->entries, 2u);
}

CAF_TEST(an outage keeps the batch and opens the circuit until the database is back) {
  store->failures = {store_failure_kind::unavailable, store_failure_kind::in_doubt};
  post("ann", {1, 2});
  consume_messages();
  CAF_CHECK_EQUAL(*circuit, (std::vector<bool>{true}));
  CAF_CHECK(answers->empty());
  pass(std::chrono::milliseconds{1000});
  CAF_REQUIRE_EQUAL(store->posted.size(), 3u);
  CAF_CHECK_EQUAL(store->posted[2]->entries, 2u);
  CAF_CHECK_EQUAL(*circuit, (std::vector<bool>{true, false}));
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2}));
}

CAF_TEST(pauses grow up to the maximum and never beyond) {
  gate_state state;
  auto longest = std::chrono::milliseconds{0};
  for (int i = 0; i < 20; ++i) {
    const auto pause = state.next_pause();
    CAF_CHECK_LESS_OR_EQUAL(pause.count(), state.options.pause_max.count());
    longest = std::max(longest, pause);
  }
  CAF_CHECK_GREATER_OR_EQUAL(longest.count(), state.options.pause_max.count() / 2);
}

CAF_TEST(a refused entry is isolated and all others go through) {
  store->poison = record_id{3};
  post("ann", {1, 2, 3, 4});
  consume_messages();
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3, 4}));
  for (const auto& each : *answers) {
    CAF_CHECK_EQUAL(each.verdict.has_value(), each.tag != 3);
    CAF_CHECK_EQUAL(each.failure, each.tag == 3 ? "poison" : "");
  }
  // One group was cut several times, yet its ledger hears once, with the last part's head.
  CAF_REQUIRE_EQUAL((*heads)["ann"].size(), 1u);
  CAF_CHECK((*heads)["ann"][0].has_value());
  CAF_CHECK(circuit->empty());
}

CAF_TEST(a refusal after an outage closes the circuit) {
  store->failures = {store_failure_kind::unavailable};
  store->poison = record_id{1};
  post("ann", {1});
  consume_messages();
  pass(std::chrono::milliseconds{1000});
  CAF_CHECK_EQUAL(*circuit, (std::vector<bool>{true, false}));
}

CAF_TEST(a ledger whose last entry is refused must read its head anew) {
  store->poison = record_id{2};
  post("ann", {1, 2});
  consume_messages();
  CAF_REQUIRE_EQUAL((*heads)["ann"].size(), 1u);
  CAF_CHECK(!(*heads)["ann"][0].has_value());
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST_FIXTURE_SCOPE(gate_pace_tests, paced_gate_fixture)

CAF_TEST(at rest a group is posted at once) {
  post("ann", {1});
  consume_messages();
  CAF_CHECK_EQUAL(answered_tags(), (ids{1}));
}

CAF_TEST(what comes soon after a batch began waits for company) {
  post("ann", {1});
  consume_messages();
  post("bob", {2});
  consume_messages();
  advance_time(9ms);
  post("cid", {3});
  consume_messages();
  CAF_CHECK_EQUAL(answered_tags(), (ids{1}));
  advance_time(1ms);
  consume_messages();
  CAF_REQUIRE_EQUAL(store->posted.size(), 2u);
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3}));
  // The pause counts from batch to batch, and one reminder is enough.
  post("dot", {4});
  consume_messages();
  CAF_CHECK_EQUAL(store->posted.size(), 2u);
  advance_time(10ms);
  consume_messages();
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3, 4}));
}

CAF_TEST(a full batch does not wait) {
  post("ann", {1});
  consume_messages();
  post("bob", {2, 3, 4, 5});
  consume_messages();
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3, 4, 5}));
}

CAF_TEST_FIXTURE_SCOPE_END()
