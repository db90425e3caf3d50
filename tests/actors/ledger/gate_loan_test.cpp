// The side lane gets no session of the database: what the main lane does for it.
#define CAF_SUITE gate_loan

#include "actors/common/log.hpp"
#include "actors/ledger/gate.hpp"

#include "tests/actors/ledger/gate_fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

using ids = std::vector<std::int64_t>;

struct loan_fixture : gate_fixture {
  ~loan_fixture() override { on_change({}); }

  // Somebody locks the rows of these users, each of whom has two requests.
  void set_aside(const std::vector<std::string>& users) {
    std::int64_t next = 0;
    for (const auto& user : users) {
      store->blocked[user] = naming::at_once;
      post(user, {next + 1, next + 2});
      consume_messages();
      next += 2;
    }
    CAF_REQUIRE_EQUAL(value("aside_waiting"), next);
  }

  // All others post, ten times a second.
  void others_post(std::chrono::milliseconds duration) {
    for (auto left = duration; left > 0ms; left -= 100ms) {
      post("dot", {others_++});
      consume_messages();
      pass(100ms);
    }
  }

  bool is_answered(std::int64_t tag) const {
    const auto tags = answered_tags();
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
  }

  // The records of the users set aside, post by post.
  std::vector<ids> seen(bool is_side) const {
    std::vector<ids> result;
    for (std::size_t i = 0; i < store->posted.size(); ++i) {
      ids records;
      for (const auto& each : store->posted[i]->entries)
        if (to_int(each.asked.id) < 1000)
          records.push_back(to_int(each.asked.id));
      if (store->aside[i] == is_side && !records.empty())
        result.push_back(records);
    }
    return result;
  }

  ids last_of_main_lane() const {
    const auto all = seen(false);
    return all.empty() ? ids{} : all.back();
  }

  std::int64_t others_ = 1000;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(gate_loan_tests, loan_fixture)

CAF_TEST(an account set aside goes on while its lane gets no session) {
  store->side_session = false;
  set_aside({"bob"});
  others_post(10s);
  CAF_CHECK(!is_answered(1));
  store->blocked.clear();
  others_post(4s);
  CAF_REQUIRE(is_answered(1) && is_answered(2));
  CAF_CHECK_EQUAL(last_of_main_lane(), (ids{1, 2}));
  CAF_CHECK(report().wait.since == 0ms);
  CAF_CHECK(circuit->empty());
}

CAF_TEST(an account that stays locked costs the others little while its lane gets no session) {
  store->side_session = false;
  std::vector<std::string> users;
  for (int i = 0; i < 40; ++i)
    users.push_back("u" + std::to_string(i));
  set_aside(users);
  store->took_us = 100'000;
  const auto before = seen(false).size();
  others_post(20s);
  const auto loans = seen(false).size() - before;
  CAF_CHECK_GREATER(loans, 20u);
  CAF_CHECK_LESS_OR_EQUAL(loans, 50u); // each rests for 400 ms; the clock stands while it lasts
  for (std::size_t i = 0; i < store->posted.size(); ++i)
    if (!store->aside[i])
      CAF_CHECK(store->posted[i]->limits.lock <= lane_limits::lock_min
                && store->posted[i]->limits.statement <= lane_limits::statement_min);
  CAF_CHECK(is_answered(others_ - 1));
}

CAF_TEST(what is in doubt is posted again before all else of its account without a session too) {
  set_aside({"bob"});
  store->blocked.clear();
  store->failures = {store_failure_kind::in_doubt};
  while (!store->failures.empty())
    pass(100ms);
  store->side_session = false;
  const auto tried = seen(false).size();
  pass(4s);
  CAF_REQUIRE_GREATER(seen(false).size(), tried);
  CAF_CHECK_EQUAL(last_of_main_lane(), (ids{1, 2}));
  post("bob", {3});
  consume_messages();
  others_post(4s);
  CAF_CHECK_EQUAL(last_of_main_lane(), ids{3});
  CAF_CHECK_EQUAL((*heads)["bob"].size(), 2u);
}

CAF_TEST(without a session for either lane the gate stands still until one is there) {
  set_aside({"bob"});
  store->blocked.clear();
  store->main_session = store->side_session = false;
  pass(8s);
  const auto wait = report().wait;
  CAF_CHECK(wait.since >= 4s);
  CAF_CHECK(!wait.aside);
  CAF_CHECK(wait.refused);
  CAF_CHECK_NOT_EQUAL(wait.what.find("no room"), std::string::npos);
  store->side_session = true;
  pass(4s);
  CAF_CHECK(is_answered(1));
  CAF_CHECK(report().wait.since == 0ms);
}

CAF_TEST(a session for all others ends the standstill of the side lane) {
  set_aside({"bob"});
  store->main_session = store->side_session = false;
  pass(8s);
  CAF_CHECK(report().wait.since >= 4s);
  store->main_session = true;
  post("dot", {1000});
  consume_messages();
  CAF_CHECK(report().wait.since == 0ms);
}

CAF_TEST(nothing is lent while the database is away) {
  set_aside({"bob"});
  store->main_session = store->side_session = false;
  post("dot", {1000});
  consume_messages();
  CAF_CHECK_EQUAL(circuit->size(), 1u);
  const auto before = seen(false).size();
  pass(8s);
  CAF_CHECK_EQUAL(seen(false).size(), before);
}

CAF_TEST(a session that was there and fails is not replaced by that of all others) {
  set_aside({"bob"});
  const auto before = seen(false).size(), attempts = seen(true).size();
  store->failures = {store_failure_kind::unavailable, store_failure_kind::in_doubt};
  pass(8s);
  CAF_CHECK(store->failures.empty());
  CAF_CHECK_GREATER_OR_EQUAL(seen(true).size(), attempts + 3);
  CAF_CHECK_EQUAL(seen(false).size(), before);
}

CAF_TEST(the log says once that the side lane gets no session and once that it has one) {
  std::vector<std::pair<log_event, std::string>> said;
  on_change([&](const log_change& line) {
    if (line.event == log_event::side_session_missing || line.event == log_event::side_session_back)
      said.emplace_back(line.event, line.sentence);
  });
  set_aside({"bob"});
  CAF_CHECK(said.empty());
  store->side_session = false;
  others_post(10s);
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK(said[0].first == log_event::side_session_missing);
  CAF_CHECK_NOT_EQUAL(said[0].second.find("no room"), std::string::npos);
  store->side_session = true;
  others_post(5s);
  CAF_REQUIRE_EQUAL(said.size(), 2u);
  CAF_CHECK(said[1].first == log_event::side_session_back);
}

CAF_TEST_FIXTURE_SCOPE_END()
