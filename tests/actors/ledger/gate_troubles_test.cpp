// One account in trouble, and all others: what the gate does about it.
#define CAF_SUITE gate_troubles

#include "actors/ledger/gate.hpp"

#include "tests/actors/ledger/gate_fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

using ids = std::vector<std::int64_t>;

struct troubles_fixture : gate_fixture {
  using gate_fixture::gate_fixture;

  // All in one batch.
  void post_together(const std::vector<std::pair<std::string, ids>>& groups) {
    post("first", {1000});
    sched.run_once(); // that one is with the poster now
    for (const auto& [user, records] : groups)
      post(user, records);
    consume_messages();
  }

  std::size_t posts(bool is_side) const {
    return static_cast<std::size_t>(std::count(store->aside.begin(), store->aside.end(), is_side));
  }

  // The records that went through one of the lanes without a failure or with, in order.
  ids seen(bool is_side) const {
    ids result;
    for (std::size_t i = 0; i < store->posted.size(); ++i)
      if (store->aside[i] == is_side)
        for (const auto& each : store->posted[i]->entries)
          result.push_back(to_int(each.asked.id));
    return result;
  }

  ids tags_in_order() const {
    ids result;
    for (const auto& each : *answers)
      result.push_back(static_cast<std::int64_t>(each.tag));
    return result;
  }

  bool is_answered(std::int64_t tag) const {
    const auto tags = answered_tags();
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
  }

  // Lets an account come back to the main lane.
  void calm_down(const std::string& user) {
    for (std::int64_t i = 1; value("aside_accounts") > 0 && i < 10; ++i) {
      post(user, {5000 + i});
      consume_messages();
    }
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(gate_troubles_tests, troubles_fixture)

CAF_TEST(an account that waits is noted with what it waits for) {
  store->blocked = {{"bob", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2, 3}}});
  CAF_CHECK(report().accounts.empty()); // not for long yet
  pass(300ms);
  const auto noted = report().accounts;
  CAF_REQUIRE_EQUAL(noted.size(), 1u);
  CAF_CHECK(noted[0].what == noted_account::why::waiting);
  CAF_CHECK_EQUAL(noted[0].account.user_id, "bob");
  CAF_CHECK_EQUAL(noted[0].entries, 2u);
  CAF_CHECK_EQUAL(noted[0].reason, std::string{to_text(trouble::blocked)});
}

CAF_TEST(a gate that posts nothing for anybody says so and goes on) {
  store->blocked = {{"bob", naming::at_once}, {"cid", naming::at_once}};
  post("bob", {1});
  consume_messages();
  pass(2s);
  CAF_CHECK(report().wait.since == 0ms); // bob's row may well be locked
  post("cid", {2});
  consume_messages();
  pass(5s);
  const auto wait = report().wait;
  CAF_CHECK(wait.since >= 5s);
  CAF_CHECK(wait.aside);
  CAF_CHECK_NOT_EQUAL(wait.what.find("nothing is posted"), std::string::npos);
  store->knows_all = true;
  post("ann", {3});
  consume_messages();
  CAF_CHECK(is_answered(3));
  CAF_CHECK(report().wait.since >= 5s); // it has written nothing
  store->knows_all = false;
  post("ann", {4});
  consume_messages();
  CAF_CHECK(report().wait.since == 0ms);
}

CAF_TEST(a database that is away is not taken for accounts that are) {
  store->blocked = {{"bob", naming::at_once}, {"cid", naming::at_once}};
  post("bob", {1});
  post("cid", {2});
  consume_messages();
  pass(5s);
  store->failures.assign(100, store_failure_kind::unavailable);
  post("ann", {3});
  consume_messages();
  pass(4s);
  CAF_CHECK(!report().wait.aside);
  CAF_CHECK_NOT_EQUAL(report().wait.what.find("a batch waits"), std::string::npos);
}

CAF_TEST(what the database refuses for one account after the other waits until it posts again) {
  for (int i = 0; i < 10; ++i)
    store->refused["u" + std::to_string(i)] = naming::at_once;
  for (int i = 0; i < 10; ++i) {
    post("u" + std::to_string(i), {i});
    consume_messages();
  }
  CAF_CHECK(is_answered(0)); // nobody knows yet
  CAF_CHECK(!is_answered(8));
  CAF_CHECK(!is_answered(9));
  store->refused.clear();
  pass(10s);
  CAF_CHECK(is_answered(8));
  CAF_CHECK(is_answered(9));
}

CAF_TEST(whoever asks for one account is told what that one waits for) {
  store->blocked = {{"bob", naming::at_once}, {"cid", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2, 3}}, {"cid", {4}}});
  CAF_CHECK(waits_of("bob").empty()); // not for long yet
  pass(300ms);
  const auto told = waits_of("bob");
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0].account.user_id, "bob");
  CAF_CHECK_EQUAL(told[0].reason, std::string{to_text(trouble::blocked)});
  CAF_CHECK(told[0].time >= 300ms);
  CAF_CHECK(waits_of("ann").empty());
}

CAF_TEST(an account that the store names is set aside after one failure) {
  store->blocked = {{"bob", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2}}, {"cid", {3}}});
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 3, 1000}));
  CAF_CHECK_EQUAL(posts(false), 3u);
  CAF_CHECK_EQUAL(value("set_aside_total"), 1);
  CAF_CHECK_EQUAL(value("aside_waiting"), 1);
  CAF_CHECK(circuit->empty());
  // While it waits, the others are not disturbed again.
  const auto before = posts(false);
  for (int i = 0; i < 20; ++i) {
    post("dot", {100 + i});
    consume_messages();
    CAF_CHECK(is_answered(100 + i));
    pass(100ms);
  }
  CAF_CHECK_EQUAL(posts(false), before + 20);
  CAF_CHECK(!is_answered(2));
  CAF_CHECK_GREATER_OR_EQUAL(value("aside_oldest_ms"), 2000);
  CAF_CHECK_LESS(value("oldest_waiting_ms"), 100);
  // And nothing is parked for it.
  store->blocked.clear();
  pass(4000ms);
  CAF_CHECK(is_answered(2));
  CAF_CHECK(answers->back().verdict.has_value());
  CAF_CHECK_EQUAL((*heads)["bob"].size(), 1u);
  CAF_CHECK_EQUAL(value("aside_waiting"), 0);
}

CAF_TEST(one that only shows when written one by one takes one post more) {
  store->blocked = {{"bob", naming::one_by_one}};
  post_together({{"ann", {1}}, {"bob", {2}}, {"cid", {3}}});
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 3, 1000}));
  CAF_CHECK_EQUAL(posts(false), 4u);
  CAF_CHECK(!store->posted[1]->limits.one_by_one && store->posted[2]->limits.one_by_one);
  CAF_CHECK(store->posted[1]->limits.lock == lane_limits::lock_min);
}

CAF_TEST(one that never shows is found by halving between the accounts) {
  for (const auto kind : {store_failure_kind::blocked, store_failure_kind::rejected}) {
    auto& faulty = kind == store_failure_kind::blocked ? store->blocked : store->refused;
    faulty = {{"cid", naming::never}};
    post_together({{"ann", {1}}, {"bob", {2}}, {"cid", {3}}, {"dot", {4}}});
    CAF_CHECK(is_answered(1) && is_answered(2) && is_answered(4));
    CAF_CHECK_EQUAL(is_answered(3), kind == store_failure_kind::rejected);
    faulty.clear();
    pass(4000ms);
    CAF_CHECK(is_answered(3));
    calm_down("cid");
    answers->clear();
  }
}

CAF_TEST(what an account sends while it is aside stays behind what it sent before) {
  store->blocked = {{"bob", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2, 3}}});
  CAF_CHECK(!is_answered(2));
  store->blocked.clear();
  pass(4000ms);
  post("bob", {4});
  consume_messages();
  CAF_CHECK_EQUAL(tags_in_order(), (ids{1000, 1, 2, 3, 4}));
}

CAF_TEST(after a few successes an account is posted with all others again) {
  store->blocked = {{"bob", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2}}});
  store->blocked.clear();
  pass(4000ms);
  calm_down("bob");
  CAF_CHECK_EQUAL(value("aside_accounts"), 0);
  const auto before = posts(true);
  post("bob", {6});
  consume_messages();
  CAF_CHECK(is_answered(6));
  CAF_CHECK_EQUAL(posts(true), before);
}

CAF_TEST(entries that are refused are the own failures of an account that is aside) {
  store->refused = {{"bob", naming::one_by_one}};
  post_together({{"ann", {1}}, {"bob", {2, 3}}, {"cid", {4}}});
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3, 4, 1000}));
  for (const auto& each : *answers)
    CAF_CHECK_EQUAL(each.verdict.has_value(), each.tag != 2 && each.tag != 3);
  CAF_CHECK(circuit->empty());
  const auto before = posts(false);
  post("bob", {5});
  consume_messages();
  CAF_CHECK(is_answered(5));
  CAF_CHECK_EQUAL(posts(false), before);
}

CAF_TEST(a locked database is not the fault of all its accounts) {
  std::vector<std::pair<std::string, ids>> groups;
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto user = "user-" + std::to_string(i);
    store->blocked[user] = naming::never;
    groups.push_back({user, {i}});
  }
  post_together(groups);
  CAF_CHECK(circuit->empty());
  store->blocked.clear();
  pass(5000ms);
  CAF_CHECK_EQUAL(answers->size(), 5u);
}

CAF_TEST(a batch that is too slow as a whole gets through in parts) {
  store->blocked_above = 1;
  post_together({{"ann", {1}}, {"bob", {2}}, {"cid", {3}}, {"dot", {4}}});
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3, 4, 1000}));
  CAF_CHECK_EQUAL(value("aside_accounts"), 0);
  // The next ones are small from the beginning.
  const auto before = store->posted.size();
  post_together({{"ann", {5}}, {"bob", {6}}});
  CAF_CHECK(is_answered(5) && is_answered(6));
  CAF_CHECK_LESS_OR_EQUAL(store->posted.size(), before + 5);
}

CAF_TEST(what was put together before it became slow goes in parts from the beginning) {
  store->blocked_above = 1;
  store->work_us = 2'000'000; // so slow that no batch grows again
  post_together({{"ann", {1}},
                 {"bob", {2}},
                 {"cid", {3}},
                 {"dot", {4}},
                 {"eve", {5}},
                 {"fay", {6}},
                 {"gil", {7}},
                 {"hal", {8}}});
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3, 4, 5, 6, 7, 8, 1000}));
  for (const auto& batch : store->posted)
    if (const auto first = to_int(batch->entries.front().asked.id); first > 4 && first < 1000)
      CAF_CHECK_EQUAL(batch->entries.size(), 1u);
}

CAF_TEST(one account that is too slow as a whole gets through in parts) {
  store->blocked_above = 1;
  post("ann", {1, 2, 3, 4});
  consume_messages();
  CAF_CHECK_EQUAL(tags_in_order(), (ids{1, 2, 3, 4}));
  CAF_CHECK_EQUAL((*heads)["ann"].size(), 1u);
}

CAF_TEST(an account that makes all batches slow is looked for and set aside) {
  store->work_us = 200'000;
  store->slow = {"bob"};
  for (std::int64_t i = 0; i < 20 && value("aside_accounts") == 0; ++i) {
    post_together({{"ann", {10 * i}}, {"bob", {10 * i + 1}}});
    pass(100ms);
  }
  CAF_CHECK_EQUAL(value("aside_accounts"), 1);
  const auto before = posts(true);
  post("bob", {777});
  consume_messages();
  CAF_CHECK_EQUAL(posts(true), before + 1);
  CAF_CHECK(is_answered(777));
}

CAF_TEST(a batch in doubt is posted again whole though an account in it is blocked) {
  store->failures = {store_failure_kind::in_doubt};
  post("ann", {1, 2});
  consume_messages();
  store->blocked = {{"ann", naming::at_once}};
  pass(2000ms);
  CAF_CHECK_EQUAL(store->posted[1]->entries.size(), 2u);
  store->blocked.clear();
  pass(4000ms);
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2}));
  CAF_CHECK_EQUAL(*circuit, (std::vector<bool>{true, false}));
}

CAF_TEST(what accounts may hold while they are aside is shared) {
  store->blocked = {{"ann", naming::at_once}, {"bob", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2}}, {"cid", {3}}});
  pass(3000ms);
  CAF_CHECK(((*holds)["ann"].back() == capacity{6, 600}));
  CAF_CHECK(((*holds)["bob"].back() == capacity{6, 600}));
  store->blocked.erase("bob");
  pass(4000ms);
  CAF_CHECK(((*holds)["ann"].back() == capacity{12, 1200}));
  store->blocked.clear();
  pass(4000ms);
  // What flows is not held back.
  post("ann", {7});
  consume_messages();
  CAF_CHECK((*holds)["ann"].back() == hold_any);
  CAF_CHECK((*holds)["cid"].empty());
}

CAF_TEST(an account that comes back may hold what it likes however long its last part waited) {
  store->blocked = {{"ann", naming::at_once}, {"bob", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2}}});
  store->blocked.clear();
  pass(4000ms);
  for (const std::int64_t id : {3, 4}) { // all but one of the successes that are wanted
    post("bob", {id});
    consume_messages();
  }
  CAF_REQUIRE_EQUAL(value("aside_accounts"), 2);
  post("ann", {6});
  sched.run_once(); // that one is with the poster now
  post("bob", {5});
  sched.run_once(); // the poster
  sched.run_once(); // the gate takes what comes for bob, and has not heard the poster yet
  advance_time(2s);
  consume_messages();
  CAF_REQUIRE(is_answered(5));
  CAF_CHECK_EQUAL(value("aside_accounts"), 1); // ann
  CAF_CHECK((*holds)["bob"].back() == hold_any);
}

CAF_TEST(an account that is named twice is set aside once) {
  store->work_us = 200'000;
  store->slow = {"bob"};
  for (std::int64_t i = 0; i < 20 && value("aside_accounts") == 0; ++i) {
    post_together({{"bob", {10 * i}}, {"bob", {10 * i + 1}}});
    pass(100ms);
  }
  CAF_CHECK_EQUAL(value("aside_accounts"), 1);
  CAF_CHECK_EQUAL(value("set_aside_total"), 1);
}

CAF_TEST(a batch of one account needs no look and the next of several gets it) {
  store->work_us = 200'000;
  store->slow = {"bob"};
  for (std::int64_t i = 0; i < 5; ++i) {
    post("bob", {100 + i});
    consume_messages();
    CAF_CHECK(!store->posted.back()->limits.one_by_one);
  }
  post_together({{"ann", {1}}, {"bob", {2}}});
  CAF_CHECK(store->posted.back()->limits.one_by_one);
  CAF_CHECK_EQUAL(value("aside_accounts"), 1);
}

CAF_TEST(a search goes on while slow batches are looked at) {
  store->work_us = 200'000;
  post("dot", {100});
  consume_messages();
  store->refused = {{"cid", naming::never}};
  post_together({{"ann", {1}}, {"bob", {2}}, {"cid", {3}}, {"eve", {4}}});
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3, 4, 100, 1000}));
  CAF_CHECK(store->posted[2]->limits.one_by_one);
  CAF_CHECK(!store->posted[3]->limits.one_by_one); // a half
}

CAF_TEST(in an outage an account that is aside is tried again and the circuit is not its matter) {
  store->blocked = {{"bob", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2}}});
  store->blocked.clear();
  store->failures = {store_failure_kind::unavailable, store_failure_kind::in_doubt};
  pass(4000ms);
  CAF_CHECK(store->failures.empty() && is_answered(2));
  CAF_CHECK_EQUAL(value("unavailable_total"), 1);
  CAF_CHECK_EQUAL(value("in_doubt_total"), 1);
  CAF_CHECK(circuit->empty());
}

CAF_TEST(who is new aside does not wait for the long pause of another) {
  store->blocked = {{"bob", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2}}});
  pass(20000ms); // until his pauses are long
  store->blocked["cid"] = naming::at_once;
  post("cid", {3});
  consume_messages();
  store->blocked.erase("cid");
  pass(200ms);
  CAF_CHECK(is_answered(3) && !is_answered(2));
}

CAF_TEST(what comes for the side lane while it is busy waits its turn) {
  store->blocked = {{"ann", naming::at_once}, {"bob", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2}}});
  store->blocked.clear();
  pass(4000ms);
  CAF_REQUIRE_EQUAL(value("aside_accounts"), 2);
  post("ann", {3});
  sched.run_once(); // that one is with the poster now
  post("bob", {4});
  consume_messages();
  const auto tags = tags_in_order();
  CAF_REQUIRE_EQUAL(tags.size(), 5u);
  CAF_CHECK(tags[3] == 3 && tags[4] == 4);
}

CAF_TEST(an account for which nothing comes for long may hold what it likes again) {
  store->blocked = {{"bob", naming::at_once}};
  post_together({{"ann", {1}}, {"bob", {2}}});
  store->blocked.clear();
  pass(4000ms);
  CAF_REQUIRE_EQUAL(value("aside_accounts"), 1);
  const auto told = (*holds)["bob"].size();
  advance_time(61s);
  consume_messages();
  CAF_CHECK_EQUAL(value("aside_accounts"), 0);
  CAF_REQUIRE_EQUAL((*holds)["bob"].size(), told + 1);
  CAF_CHECK((*holds)["bob"].back() == hold_any);
}

CAF_TEST(many locked accounts are waited for before any is set aside) {
  troubles_fixture here{0ms, 20};
  std::vector<std::pair<std::string, ids>> groups;
  for (std::int64_t i = 0; i < 12; ++i) {
    const auto user = "user-" + std::to_string(i);
    here.store->blocked[user] = naming::at_once;
    groups.push_back({user, {i}});
  }
  here.post_together(groups);
  CAF_CHECK(here.store->posted[1]->limits.lock == lane_limits::lock_min);
  CAF_CHECK(here.store->posted[2]->limits.lock == 2 * lane_limits::lock_min);
  here.store->blocked.clear();
  here.pass(9000ms);
  CAF_CHECK_EQUAL(here.answers->size(), 13u);
}

CAF_TEST(accounts that are blamed one after another are not believed for ever) {
  std::vector<std::pair<std::string, ids>> groups;
  for (std::int64_t i = 0; i < 16; ++i) { // four batches
    const auto user = "user-" + std::to_string(i);
    store->blocked[user] = naming::one_by_one;
    groups.push_back({user, {i}});
  }
  post_together(groups);
  std::size_t halves = 0;
  for (std::size_t i = 0; i < store->posted.size(); ++i)
    halves += !store->aside[i] && store->posted[i]->heads.size() == 2 ? 1 : 0;
  CAF_CHECK_GREATER_OR_EQUAL(halves, 1u);
  store->blocked.clear();
  pass(9000ms);
  CAF_CHECK_EQUAL(answers->size(), 17u);
}

CAF_TEST(what comes during a search does not join the half that is looked for) {
  store->failures = {std::nullopt, store_failure_kind::rejected, store_failure_kind::rejected,
                     store_failure_kind::unavailable};
  post_together({{"ann", {1}}, {"bob", {2}}, {"cid", {3}}, {"dot", {4}}});
  CAF_REQUIRE(store->failures.empty());
  CAF_CHECK_EQUAL(store->posted.back()->entries.size(), 2u);
  post("new", {5});
  consume_messages();
  CAF_CHECK_EQUAL(value("waiting"), 3);
  pass(3000ms);
  CAF_CHECK_EQUAL(answered_tags(), (ids{1, 2, 3, 4, 5, 1000}));
  CAF_CHECK_EQUAL(store->posted.back()->entries.size(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
