#define CAF_SUITE gate

#include "actors/ledger/gate.hpp"

#include "tests/actors/ledger/gate_fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

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
  CAF_CHECK_EQUAL(store->posted[0]->heads.size(), 1u);
  CAF_CHECK_EQUAL(store->posted[1]->heads.size(), 2u);
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3}));
}

CAF_TEST(a batch never exceeds its size) {
  post("ann", {1});
  sched.run_once();
  post("bob", {2, 3, 4});
  post("cid", {5, 6});
  consume_messages();
  CAF_REQUIRE_EQUAL(store->posted.size(), 3u);
  CAF_CHECK_EQUAL(store->posted[1]->entries.size(), 3u);
  CAF_CHECK_EQUAL(store->posted[2]->entries.size(), 2u);
}

CAF_TEST(an outage keeps the batch and opens the circuit until the database is back) {
  store->failures = {store_failure_kind::unavailable, store_failure_kind::in_doubt};
  post("ann", {1, 2});
  consume_messages();
  CAF_CHECK_EQUAL(*circuit, (std::vector<bool>{true}));
  CAF_CHECK(answers->empty());
  pass(std::chrono::milliseconds{1000});
  CAF_REQUIRE_EQUAL(store->posted.size(), 3u);
  CAF_CHECK_EQUAL(store->posted[2]->entries.size(), 2u);
  CAF_CHECK_EQUAL(*circuit, (std::vector<bool>{true, false}));
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2}));
}

CAF_TEST(a database that was away for long is found again soon) {
  store->failures.assign(12, store_failure_kind::unavailable);
  post("ann", {1});
  consume_messages();
  while (answers->empty()) {
    const auto tries = store->posted.size();
    pass(1500ms);
    CAF_REQUIRE(store->posted.size() > tries);
  }
  CAF_CHECK_EQUAL(answered_tags(), (ids{1}));
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

CAF_TEST(commits that the database lacks are counted and their entries answered) {
  post("ann", {1});
  consume_messages();
  CAF_CHECK_EQUAL(value("heads_lost_total"), 0);
  store->heads_lost = 2;
  post("ann", {2});
  consume_messages();
  CAF_CHECK_EQUAL(value("heads_lost_total"), 2);
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2}));
}

CAF_TEST(what waits for the database is noted with its accounts and the reason) {
  store->failures.assign(8, store_failure_kind::unavailable);
  post("ann", {1, 2});
  consume_messages();
  post("bob", {3});
  consume_messages();
  CAF_CHECK(report().accounts.empty()); // not for long yet
  pass(300ms);
  const auto got = report();
  CAF_REQUIRE_EQUAL(got.accounts.size(), 2u);
  for (const auto& each : got.accounts) {
    CAF_CHECK_EQUAL(each.reason, "database");
    CAF_CHECK_EQUAL(each.entries, each.account.user_id == "ann" ? 2u : 1u);
  }
  CAF_CHECK_EQUAL(got.wait.what, "a batch waits: scripted");
  CAF_CHECK_EQUAL(value("under_way"), 2);
  CAF_CHECK_EQUAL(value("waiting"), 1);
  CAF_CHECK_EQUAL(value("oldest_waiting_ms"), 300);
  const auto one = waits_of("bob");
  CAF_REQUIRE_EQUAL(one.size(), 1u);
  CAF_CHECK_EQUAL(one[0].account.user_id, "bob");
  CAF_CHECK_EQUAL(one[0].reason, "database");
}

CAF_TEST(what waits for a database that refuses says so) {
  store->failures.assign(8, store_failure_kind::unavailable);
  store->says_no = true;
  post("ann", {1});
  consume_messages();
  CAF_CHECK(report().wait.refused);
  pass(300ms);
  CAF_CHECK(report().wait.refused);
  CAF_CHECK_GREATER_OR_EQUAL(report().wait.since, 300ms);
  store->says_no = false;
  pass(5000ms);
  CAF_CHECK(!report().wait.refused);
  CAF_CHECK_EQUAL(answered_tags(), (ids{1}));
}

CAF_TEST(a group that is larger than a batch goes alone and whole) {
  post("ann", {1, 2, 3, 4, 5});
  consume_messages();
  CAF_REQUIRE_EQUAL(store->posted.size(), 1u);
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3, 4, 5}));
}

CAF_TEST(a reminder for which nothing waits changes nothing) {
  post("ann", {1});
  consume_messages();
  caf::anon_send(subject, retry_atom_v, false);
  consume_messages();
  CAF_CHECK_EQUAL(store->posted.size(), 1u);
}

CAF_TEST(what waits for company for long is noted) {
  gate_fixture here{1000ms};
  here.post("ann", {1});
  here.consume_messages();
  here.post("bob", {2});
  here.consume_messages();
  here.pass(300ms);
  const auto noted = here.report().accounts;
  CAF_REQUIRE_EQUAL(noted.size(), 1u);
  CAF_CHECK_EQUAL(noted[0].account.user_id, "bob");
  CAF_CHECK_EQUAL(noted[0].reason, "commit");
  CAF_CHECK_EQUAL(here.value("oldest_waiting_ms"), 300);
  here.pass(1000ms);
  CAF_CHECK_EQUAL(here.answered_tags(), (ids{1, 2}));
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

CAF_TEST(a batch is counted by its size and by how long its oldest group waited) {
  post("ann", {1});
  consume_messages();
  post("bob", {2, 3});
  consume_messages();
  advance_time(10ms);
  consume_messages();
  const auto got = report();
  CAF_REQUIRE_EQUAL(got.sizes.size(), 1u);
  CAF_CHECK_EQUAL(got.sizes[0].histogram.count(), 2);
  CAF_CHECK_EQUAL(got.sizes[0].histogram.sum(), 3);
  for (const auto& [what, histogram] : got.histograms)
    if (what->name == "gate_wait") {
      CAF_CHECK_EQUAL(histogram.count(), 2);
      CAF_CHECK_EQUAL(histogram.sum_us(), 10000);
    }
}

CAF_TEST(a full batch does not wait) {
  post("ann", {1});
  consume_messages();
  post("bob", {2, 3, 4, 5});
  consume_messages();
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3, 4, 5}));
}

CAF_TEST_FIXTURE_SCOPE_END()
