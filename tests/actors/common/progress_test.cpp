#define CAF_SUITE progress

#include "actors/common/progress.hpp"

#include <string>
#include <vector>

#include "actors/common/lease.hpp"

#include <caf/test/dsl.hpp>

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

const progress_time start{1000s};

std::string names(const std::vector<standing_actor>& all) {
  std::string result;
  for (const auto& each : all)
    result += (result.empty() ? "" : ", ") + each.who + ": " + each.wait.what + " "
              + std::to_string(each.wait.since.count());
  return result;
}

} // namespace

CAF_TEST(what is awaited counts from the first moment and from each arrival) {
  awaited answer;
  CAF_CHECK_EQUAL(answer.since(start + 9s).count(), 0);
  answer.begin(start);
  answer.begin(start + 3s);
  CAF_CHECK_EQUAL(answer.since(start + 5s).count(), 5000);
  answer.came(start + 6s, true);
  CAF_CHECK_EQUAL(answer.since(start + 7s).count(), 1000);
  answer.came(start + 8s, false);
  CAF_CHECK_EQUAL(answer.since(start + 99s).count(), 0);
  answer.begin(start + 100s);
  answer.end();
  CAF_CHECK_EQUAL(answer.since(start + 200s).count(), 0);
}

CAF_TEST(a child that does not answer stands still after the bound of its duty) {
  roll_call calls;
  const auto gate = calls.add("gate 0", duty::moves_money);
  const auto responder = calls.add("responder", duty::answers);
  for (const auto each : {gate, responder}) {
    CAF_CHECK(calls.may_ask(each));
    calls.asked(each, start);
    CAF_CHECK(!calls.may_ask(each));
  }
  CAF_CHECK_EQUAL(names(calls.standing(start + 3400ms)), "");
  CAF_CHECK_EQUAL(names(calls.standing(start + 3500ms)), "gate 0: does not answer 3500");
  CAF_CHECK_EQUAL(names(calls.standing(start + 15s)),
                  "gate 0: does not answer 15000, responder: does not answer 15000");
  calls.answered(gate, start + 16s, {});
  CAF_CHECK(calls.may_ask(gate));
  CAF_CHECK_EQUAL(names(calls.standing(start + 16s)), "responder: does not answer 16000");
}

CAF_TEST(a child that answers and waits in vain stands still and the longest comes first) {
  roll_call calls;
  const auto gate = calls.add("gate 0", duty::moves_money);
  const auto fetcher = calls.add("fetcher a/0", duty::moves_money);
  calls.answered(gate, start, {4s, "no commit"});
  calls.answered(fetcher, start, {9s, "no PubAck"});
  CAF_CHECK_EQUAL(names(calls.standing(start)),
                  "fetcher a/0: no PubAck 9000, gate 0: no commit 4000");
  CAF_CHECK_EQUAL(names(calls.standing(start + 500ms)),
                  "fetcher a/0: no PubAck 9500, gate 0: no commit 4500");
  calls.answered(fetcher, start + 1s, {3499ms, "no PubAck"});
  calls.answered(gate, start + 1s, {});
  CAF_CHECK_EQUAL(names(calls.standing(start + 1s)), "");
}

CAF_TEST(a child that moves money hesitates before it stands still) {
  roll_call calls;
  const auto gate = calls.add("gate 0", duty::moves_money);
  const auto responder = calls.add("responder", duty::answers);
  CAF_CHECK(!calls.hesitates(start));
  calls.asked(gate, start);
  calls.asked(responder, start);
  CAF_CHECK(!calls.hesitates(start + 1499ms));
  CAF_CHECK(calls.hesitates(start + 1500ms));
  CAF_CHECK(calls.standing(start + 1500ms).empty());
  calls.answered(gate, start + 1500ms, {1499ms, "no commit"});
  CAF_CHECK(!calls.hesitates(start + 1600ms)); // mere answers do not count
  calls.answered(gate, start + 2000ms, {1500ms, "no commit"});
  CAF_CHECK(calls.hesitates(start + 2000ms));
  calls.answered(gate, start + 2500ms, {});
  CAF_CHECK(!calls.hesitates(start + 2500ms));
}

CAF_TEST(what waits aside shows and nothing else comes to a halt with it) {
  roll_call calls;
  const auto redriver = calls.add("redriver", duty::moves_money);
  const auto gate = calls.add("gate 0", duty::moves_money);
  calls.answered(redriver, start, {4s, "no verdicts", true});
  CAF_CHECK(!calls.hesitates(start));
  CAF_CHECK_EQUAL(names(calls.standing(start)), "redriver: no verdicts 4000");
  CAF_CHECK(worth_a_restart(calls.standing(start)) == nullptr);
  calls.answered(gate, start, {3600ms, "no commit"});
  const auto both = calls.standing(start);
  CAF_REQUIRE(worth_a_restart(both) != nullptr);
  CAF_CHECK_EQUAL(worth_a_restart(both)->who, "gate 0");
  // One that does not answer is not excused by what it waited for.
  calls.answered(gate, start, {});
  calls.asked(redriver, start);
  const auto silent = calls.standing(start + 3500ms);
  CAF_REQUIRE_EQUAL(silent.size(), 1u);
  CAF_CHECK(silent.front().silent);
  CAF_CHECK(worth_a_restart(silent) != nullptr);
}

CAF_TEST(what waits alone shows and is no reason to hesitate) {
  roll_call calls;
  const auto fetcher = calls.add("fetcher a/0", duty::moves_money);
  const standstill no_pulls{.since = 4s, .what = "pulls are not answered", .alone = true};
  calls.answered(fetcher, start, no_pulls);
  CAF_CHECK(!calls.hesitates(start));
  const auto standing = calls.standing(start);
  CAF_REQUIRE_EQUAL(names(standing), "fetcher a/0: pulls are not answered 4000");
  CAF_CHECK(!halts_the_rest(standing.front().wait));
  CAF_CHECK(worth_a_restart(standing) == nullptr); // its stream has answered this process
  const standstill no_puback{.since = 4s, .what = "no PubAck"};
  CAF_CHECK(halts_the_rest(no_puback));
  standstill longest{.since = 60s, .what = "pulls are not answered", .alone = true};
  CAF_CHECK_EQUAL(longer(longest, no_puback).what, "no PubAck");
  CAF_CHECK_EQUAL(longer(no_puback, longest).what, "no PubAck");
  CAF_CHECK(longer(longest, {.since = 3499ms, .what = "no PubAck"}).alone);
  // One that does not answer is not excused by what it waited for.
  calls.asked(fetcher, start);
  const auto silent = calls.standing(start + 3500ms);
  CAF_REQUIRE_EQUAL(silent.size(), 1u);
  CAF_CHECK(halts_the_rest(silent.front().wait));
  CAF_CHECK(worth_a_restart(silent) != nullptr);
}

CAF_TEST(what a server refuses brings the node to a halt and no restart would cure it) {
  roll_call calls;
  const auto fetcher = calls.add("fetcher", duty::moves_money);
  const standstill no_right{.since = 4s, .what = "pulls are not answered", .refused = true};
  calls.answered(fetcher, start, no_right);
  CAF_CHECK(calls.hesitates(start));
  CAF_CHECK_EQUAL(calls.standing(start).size(), 1u);
  CAF_CHECK(worth_a_restart(calls.standing(start)) == nullptr);
  calls.asked(fetcher, start);
  CAF_CHECK(worth_a_restart(calls.standing(start + 3500ms)) != nullptr);
}

CAF_TEST(a root that is not heard of stands still and one that has left does not ) {
  progress_board board;
  CAF_CHECK(board.standing(start).empty());
  board.note("ledger", {}, start);
  board.note("account", {{"intake", {5s, "no PubAck"}}}, start);
  CAF_CHECK_EQUAL(names(board.standing(start + 500ms)), "intake: no PubAck 5500");
  board.leave("account");
  CAF_CHECK_EQUAL(names(board.standing(start + 3499ms)), "");
  CAF_CHECK_EQUAL(names(board.standing(start + 3500ms)), "ledger: its root does not answer 3500");
  board.leave("ledger");
  CAF_CHECK_EQUAL(names(board.standing(start + 99s)), "");
}

CAF_TEST(a lease is renewed while the delivery is young or the node makes progress) {
  struct row {
    const char* what;
    std::chrono::milliseconds age;     // of the delivery
    std::chrono::milliseconds renewed; // how long ago
    int pulse;                         // the last: 1 moving, 0 standing, -1 none
    std::chrono::milliseconds pulse_age;
    bool due;
  };
  const std::vector<row> rows{
      {"just arrived", 0s, 0s, 1, 0s, false},
      {"a third of the wait has passed", 3s, 2s, 1, 0s, true},
      {"not yet a third", 3s, 1999ms, 1, 0s, false},
      {"young, the root was never heard", 2s, 2s, -1, 0s, true},
      {"young, the node stands still", 2999ms, 2s, 0, 0s, true},
      {"old, the node makes progress", 60s, 3s, 1, 1s, true},
      {"old, the node stands still", 3s, 2s, 0, 0s, false},
      {"old, the root was never heard", 3s, 2s, -1, 0s, false},
      {"old, the root has said nothing for a moment", 60s, 3s, 1, 1199ms, true},
      {"old, the root has fallen silent", 60s, 3s, 1, 1200ms, false},
  };
  for (const auto& each : rows) {
    CAF_MESSAGE(each.what);
    lease_rule rule{6s};
    const auto now = start + 100s;
    if (each.pulse >= 0)
      rule.pulse(each.pulse == 1, now - each.pulse_age);
    CAF_CHECK_EQUAL(rule.due({now - each.age, now - each.renewed}, now), each.due);
    CAF_CHECK_EQUAL(rule.full(1), each.pulse == 0);
  }
}

CAF_TEST(a node that stood still is trusted when it has finished what it held or after a while) {
  lease_rule rule{6s};
  const lease_times old{start, start};
  rule.pulse(false, start + 10s);
  CAF_CHECK(rule.full(0));
  rule.pulse(true, start + 11s);
  CAF_CHECK(!rule.full(0));
  CAF_CHECK(rule.full(1));
  CAF_CHECK(!rule.due(old, start + 11s));
  rule.pulse(true, start + 19s);
  CAF_CHECK(rule.full(1));
  rule.pulse(true, start + 20s);
  CAF_CHECK(!rule.full(1));
  CAF_CHECK(rule.due(old, start + 20s));
}
