#define CAF_SUITE standstill

#include <algorithm>
#include <chrono>
#include <vector>

#include "app/daemon/progress_watch.hpp"
#include "app/daemon/shutdown.hpp"
#include "app/operations/snapshot.hpp"
#include "caf/test/unit_test.hpp"
#include "persistence/held_database.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

using step = standstill_judge::step;

const progress_time start{1000s};

std::vector<standing_actor> waiting(std::chrono::milliseconds since) {
  return {{"gate 0", {since, "no commit"}, duty::moves_money, false}};
}

std::vector<standing_actor> silent(std::chrono::milliseconds since) {
  return {{"poster 0", {since, "does not answer"}, duty::moves_money, true}};
}

} // namespace

CAF_TEST(a standstill is said at once and then every half minute and its end once) {
  standstill_judge judge;
  CAF_CHECK(judge.look({}, true, start) == step::none);
  CAF_CHECK(judge.look(waiting(4s), false, start) == step::say_standing);
  CAF_CHECK(judge.look(waiting(5s), false, start + 1s) == step::none);
  CAF_CHECK(judge.look(waiting(34s), false, start + 30s) == step::say_standing);
  CAF_CHECK(judge.look({}, false, start + 31s) == step::say_moving);
  CAF_CHECK(judge.look({}, false, start + 32s) == step::none);
}

CAF_TEST(a node is dead when it stands still for long although its servers answer) {
  standstill_judge judge;
  judge.look(waiting(4s), true, start);
  CAF_CHECK(!judge.dead());
  judge.look(waiting(33s), true, start + 29s);
  CAF_CHECK(!judge.dead());
  judge.look(waiting(34s), true, start + 30s);
  CAF_REQUIRE(judge.dead().has_value());
  CAF_CHECK_EQUAL(*judge.dead(), "gate 0");
  judge.look({}, true, start + 31s);
  CAF_CHECK(!judge.dead());
}

CAF_TEST(an outage of a server does not make a node dead) {
  standstill_judge judge;
  for (auto passed = 0s; passed < 200s; passed += 10s) {
    CAF_CHECK(judge.look(silent(passed), false, start + passed) != step::end);
    CAF_CHECK(!judge.dead());
  }
  // The half minute begins when the server is back.
  judge.look(waiting(200s), true, start + 200s);
  judge.look(waiting(229s), true, start + 229s);
  CAF_CHECK(!judge.dead());
}

CAF_TEST(a node whose sessions meet another database is not ready and names it) {
  const readiness health{std::make_shared<progress_board>(), std::make_shared<topology_board>()};
  const auto said = [&](const std::string& name) {
    for (const auto& each : health.latest())
      if (each.name == name)
        return each.ok ? "fine" : each.detail;
    return std::string{};
  };
  CAF_CHECK_EQUAL(said("database"), "");
  for (const auto which : {schema::ledger, schema::account})
    hold_to_database(which, "7/1");
  judge_database(schema::ledger, "7/2");
  CAF_CHECK(said("database").starts_with("this is another database"));
  CAF_CHECK_EQUAL(said("account database"), "");
  judge_database(schema::account, "7/2");
  CAF_CHECK(said("account database").starts_with("this is another database"));
  for (const auto which : {schema::ledger, schema::account})
    hold_to_database(which, {});
  CAF_CHECK_EQUAL(said("database"), "");
}

CAF_TEST(who only submits does not mind what keeps no request from being recorded) {
  const auto board = std::make_shared<progress_board>();
  const readiness health{board, std::make_shared<topology_board>()};
  const auto said = [&](readiness_for what, const standing_actor& one) {
    board->note("account", {one}, std::chrono::steady_clock::now());
    for (const auto& each : health.latest(what))
      if (each.name == "progress")
        return each.detail;
    return std::string{"not looked at"};
  };
  const auto keeps = [&](const standing_actor& one) {
    CAF_CHECK(!said(readiness_for::work, one).empty());
    return !said(readiness_for::submission, one).empty();
  };
  const standstill sending{.since = 4s, .what = "no PubAck", .sending = true};
  CAF_CHECK(!keeps({"intake", sending}));
  CAF_CHECK(!keeps({"reconciler 0", {4s, "pulls are not answered"}}));
  CAF_CHECK(!keeps({"recorder of the reconciler", {4s, "does not answer"}}));
  CAF_CHECK(keeps({"intake", {4s, "the database does not answer a batch"}}));
  CAF_CHECK(keeps({"recorder of the intake", {16s, "does not answer"}}));
  CAF_CHECK(keeps({"account", {4s, "its root does not answer"}}));

  const auto checks = health.latest(readiness_for::submission);
  CAF_CHECK(std::any_of(checks.begin(), checks.end(),
                        [](const auto& each) { return each.name == "roles" && !each.ok; }));
}

CAF_TEST(what waits aside is said and does not make a node dead) {
  standstill_judge judge;
  const std::vector<standing_actor> aside{{"redriver", {60s, "no verdicts", true}}};
  CAF_CHECK(judge.look(aside, true, start) == step::say_standing);
  judge.look(aside, true, start + 31s);
  CAF_CHECK(!judge.dead());
  auto both = aside;
  both.push_back(waiting(4s).front());
  judge.look(both, true, start + 32s);
  judge.look(both, true, start + 62s);
  CAF_CHECK_EQUAL(judge.dead().value_or(""), "gate 0");
}

CAF_TEST(what a server refuses is said and does not make a node dead) {
  standstill_judge judge;
  auto refused = waiting(60s);
  refused.front().wait.refused = true;
  CAF_CHECK(judge.look(refused, true, start) == step::say_standing);
  judge.look(refused, true, start + 31s);
  CAF_CHECK(!judge.dead());
}

CAF_TEST(only an actor that does not answer ends the process) {
  standstill_judge waits;
  standstill_judge hangs;
  for (auto passed = 4s; passed < 60s; ++passed) {
    CAF_CHECK(waits.look(waiting(passed), true, start + passed) != step::end);
    CAF_CHECK(hangs.look(silent(passed), true, start + passed) != step::end);
  }
  CAF_CHECK(waits.look(waiting(600s), true, start + 600s) != step::end);
  CAF_CHECK(hangs.look(silent(60s), true, start + 60s) == step::end);
}

CAF_TEST(the metrics count what stands still and name the longest wait) {
  const auto values = to_snapshot(
      std::vector<standing_actor>{{"gate 0", {9500ms, "no commit"}, duty::moves_money, false},
                                  {"responder", {1s, "does not answer"}, duty::answers, true}});
  CAF_REQUIRE_EQUAL(values.size(), 2u);
  CAF_CHECK_EQUAL(values[0].name, "ledgerd_stalled");
  CAF_CHECK_EQUAL(values[0].value, 2);
  CAF_CHECK_EQUAL(values[1].name, "ledgerd_standstill_seconds");
  CAF_CHECK_EQUAL(values[1].value, 9);
  CAF_CHECK(to_snapshot(std::vector<standing_actor>{})[0].value == 0);
}

CAF_TEST(the actors get the shutdown deadline less what is needed to end them) {
  struct row {
    std::chrono::milliseconds limit;
    std::chrono::milliseconds least;
    std::chrono::milliseconds most;
  };
  for (const auto& each : {row{100s, 98s, 98500ms}, row{4s, 2s, 3s}, row{1s, 0s, 750ms}}) {
    shutdown_deadline deadline;
    deadline.begin(each.limit);
    deadline.begin(1ms); // has begun already
    CAF_CHECK_GREATER_OR_EQUAL(deadline.left_for_draining().count(), each.least.count());
    CAF_CHECK_LESS_OR_EQUAL(deadline.left_for_draining().count(), each.most.count());
  }
}
