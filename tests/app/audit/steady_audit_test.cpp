#include "app/audit/parted_pause.hpp"
#include "app/audit/steady_audit.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

#include "messaging/codec.hpp"
#include "messaging/topology.hpp"
#include "tests/app/audit/facts.hpp"
#include "tests/app/daemon/deposit_ledger.hpp"

#define CAF_SUITE steady_audit
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using kind = finding_kind;

// The rows of a world as the ledger gives those that are new: by id, each with what came before.
std::vector<linked_posting> linked(const world& facts) {
  std::vector<linked_posting> result;
  for (const auto& each : facts.rows) {
    result.push_back({each, std::nullopt});
    for (const auto& other : facts.rows)
      if (other.row.account == each.row.account && other.row.seq == each.row.seq - 1)
        result.back().balance_before = other.row.balance_after;
  }
  std::sort(result.begin(), result.end(),
            [](const auto& x, const auto& y) { return x.at.row.id < y.at.row.id; });
  return result;
}

database_time later(std::chrono::minutes by) {
  return database_time{20'000'000 + std::chrono::microseconds(by).count()};
}

// What is found in the world by the time that every result is missed; half of it at a time.
std::string found(const world& facts, bool rows_first) {
  steady_checks checks;
  const auto rows = linked(facts);
  const currency_table table(facts.currencies);
  const std::span all_rows(rows);
  const std::span all_results(facts.results);
  for (const bool first : {true, false}) {
    const auto half = [first](auto span) {
      return first ? span.first(span.size() / 2) : span.last(span.size() - span.size() / 2);
    };
    if (rows_first)
      checks.rows(half(all_rows));
    checks.results(half(all_results), facts.rows, table);
    if (!rows_first)
      checks.rows(half(all_rows));
  }
  checks.pass(later(std::chrono::minutes{11}));
  return text_of(checks.findings().counts());
}

void check(const std::string& name, const finding_counts& expected,
           const std::function<void(world&)>& damage) {
  CAF_MESSAGE(name);
  world facts;
  damage(facts);
  CAF_CHECK_EQUAL(found(facts, true), text_of(expected));
  CAF_CHECK_EQUAL(found(facts, false), text_of(expected));
}

} // namespace

CAF_TEST(what is wrong with new rows and results is found) {
  check("nothing", {}, [](world&) {});
  check("a balance", {{kind::wrong_balance, 1}, {kind::result_differs, 1}},
        [](world& w) { w.row(8).balance_after = money{1}; });
  check("a balance in the middle",
        {{kind::wrong_balance, 1}, {kind::wrong_decision, 1}, {kind::result_differs, 1}},
        [](world& w) { w.row(2).balance_after = money{71}; });
  check("a fingerprint", {{kind::wrong_fingerprint, 1}},
        [](world& w) { ++w.rows[0].stored_fingerprint; });
  check("a status", {{kind::invalid_row, 1}}, [](world& w) { w.rows[0].status_agrees = false; });
  check("a row is gone", {{kind::chain_gap, 1}, {kind::result_without_posting, 1}}, [](world& w) {
    std::erase_if(w.rows, [](const auto& each) { return to_int(each.row.record) == 2; });
  });
  check("a result is gone", {{kind::posting_without_result, 1}},
        [](world& w) { w.erase_result(3); });
  check("a result says otherwise", {{kind::result_differs, 1}},
        [](world& w) { w.results[0].payload[30] ^= 1; });
  check("a result on the other subject", {{kind::result_differs, 1}}, [](world& w) {
    auto& subject = w.results[0].subject;
    subject = subject == "transaction.result.deposit" ? "transaction.result.withdrawal"
                                                      : "transaction.result.deposit";
  });
  check("a result says nothing", {{kind::result_malformed, 1}, {kind::posting_without_result, 1}},
        [](world& w) { w.results[2].payload = "{}"; });
}

CAF_TEST(a row has its time to get its result) {
  world facts;
  facts.results.clear();
  steady_checks checks;
  checks.rows(linked(facts));
  checks.pass(later(std::chrono::minutes{9}));
  CAF_CHECK(checks.findings().empty());
  CAF_CHECK_EQUAL(checks.waiting(), 7u);
  checks.pass(later(std::chrono::minutes{11}));
  CAF_CHECK_EQUAL(text_of(checks.findings().counts()), "7 posting_without_result");
  CAF_CHECK_EQUAL(checks.waiting(), 0u);
}

CAF_TEST(after nobody could look a row has its time again) {
  world facts;
  facts.results.clear();
  steady_checks checks;
  look_watch watch;
  const auto look = [&](std::chrono::minutes at) {
    watch.looks(later(at));
    checks.pass(later(at), watch.since());
    return checks.findings().counts().size();
  };
  look(std::chrono::minutes{0});
  checks.rows(linked(facts));
  // The broker is away, or the clock is set forward.
  for (const int minute : {20, 25, 29})
    CAF_CHECK_EQUAL(look(std::chrono::minutes{minute}), 0u);
  look(std::chrono::minutes{31});
  CAF_CHECK_EQUAL(text_of(checks.findings().counts()), "7 posting_without_result");
}

namespace {

class broken_broker final : public fake_broker {
public:
  bool connected() const override { return there; }

  bool there = true;
};

// What a look finds of a row of a quarter of an hour ago, whose node is yet to publish its result,
// when it was possible to look until so long ago.
std::string found_after(std::chrono::minutes away) {
  using std::chrono::microseconds;
  broken_broker nats;
  deposit_ledger ledger(nats, 0, now_us() - microseconds(std::chrono::minutes{15}).count());
  steady_audit audit(ledger, nats);
  ledger.count_of_rows = 1;
  look_watch watch;
  const auto before = now_us() - microseconds(away).count();
  for (auto minutes = std::chrono::minutes{20}; minutes.count() >= 0;
       minutes -= std::chrono::minutes{4})
    watch.looks(database_time{before - microseconds(minutes).count()});
  nats.there = false;
  CAF_CHECK(!audit.can_look(watch));
  try {
    audit.catch_up(watch);
    return "it looked";
  } catch (const std::runtime_error&) {
    CAF_CHECK_EQUAL(audit.checks().row_count(), 0u);
  }
  nats.there = true;
  audit.catch_up(watch);
  CAF_CHECK_EQUAL(audit.checks().row_count(), 1u);
  return text_of(audit.checks().findings().counts());
}

} // namespace

CAF_TEST(a look after the broker was away gives rows their time again) {
  CAF_CHECK_EQUAL(found_after(std::chrono::minutes{12}), "nothing");
  CAF_CHECK_EQUAL(found_after(std::chrono::minutes{1}), "1 posting_without_result");
}

CAF_TEST(results of rows that were there before are compared and not remembered) {
  world facts;
  steady_checks checks{transaction_id{100}};
  checks.results(facts.results, facts.rows, currency_table(facts.currencies));
  CAF_CHECK(checks.findings().empty());
  CAF_CHECK_EQUAL(checks.result_count(), 8u);
}

CAF_TEST(a database that was set back is told of once and looked at from where it is) {
  world facts;
  const auto rows = linked(facts);
  steady_checks checks;
  checks.rows(rows);
  checks.newest(rows.back().at.row.id);
  CAF_CHECK(checks.findings().empty());
  checks.newest(rows.front().at.row.id);
  checks.newest(rows.front().at.row.id);
  CAF_CHECK_EQUAL(text_of(checks.findings().counts()), "1 rows_lost");
  CAF_CHECK_EQUAL(checks.waiting(), 0u); // of rows that are gone no result is missed
  CAF_CHECK(checks.last_row() == rows.front().at.row.id);
}

namespace {

constexpr std::size_t crowd = steady_checks::remembered_max + 1000;

// So many rows of accounts of their own and their results, all of one moment.
struct burst {
  std::vector<linked_posting> rows;
  std::vector<audited_posting> plain;
  std::vector<stored_message> results;

  burst() {
    const auto model = world().rows.front();
    for (std::size_t i = 1; i <= crowd; ++i) {
      auto one = model;
      one.row.id = transaction_id{static_cast<std::int64_t>(i)};
      one.row.record = record_id{static_cast<std::int64_t>(i)};
      rows.push_back({one, std::nullopt});
      stored_message result;
      result.subject = route_of(one.row.type).result;
      result.seq = i;
      result.payload = encode_result(one.row, 0);
      results.push_back(std::move(result));
      plain.push_back(std::move(one));
    }
  }

  auto rows_of(std::size_t first, std::size_t count) const {
    return std::span(rows).subspan(first, count);
  }
  void look_at_results(steady_checks& checks, std::size_t first, std::size_t count) const {
    checks.results(std::span(results).subspan(first, count), std::span(plain).subspan(first, count),
                   currency_table(sample_currencies()));
  }
};

} // namespace

CAF_TEST(more results than can be remembered wait for their rows) {
  const burst many;
  steady_checks checks;
  std::size_t results = 0, rows = 0;
  const auto look = [&] {
    while (results < crowd && checks.has_room_for_results()) {
      const auto count = std::min<std::size_t>(2000, crowd - results);
      many.look_at_results(checks, std::exchange(results, results + count), count);
    }
  };
  look();
  CAF_CHECK_LESS(results, crowd);
  CAF_CHECK_GREATER(results, crowd - 3000);
  for (; rows < crowd; rows += 1000) { // they have rested
    CAF_REQUIRE(checks.has_room_for_rows());
    checks.rows(many.rows_of(rows, 1000));
    look();
  }
  CAF_CHECK_EQUAL(results, crowd);
  CAF_CHECK_EQUAL(checks.waiting(), 0u);
  checks.pass(later(std::chrono::minutes{11}));
  CAF_CHECK_EQUAL(text_of(checks.findings().counts()), "nothing");
}

CAF_TEST(results that had to be forgotten are not missed) {
  const burst many;
  steady_checks checks;
  const auto half = crowd / 2;
  many.look_at_results(checks, 0, half);
  checks.skip_to(transaction_id{0}); // forgets them
  checks.rows(many.rows_of(0, crowd));
  checks.pass(later(std::chrono::minutes{11}));
  CAF_CHECK_EQUAL(text_of(checks.findings().counts()), "nothing");
}
CAF_TEST(a long pause has parts and something is done between them) {
  using std::chrono::milliseconds;
  const auto course = [](int time, int ends_after) {
    std::string told;
    const bool whole = pause_in_parts(
        milliseconds{time}, milliseconds{60},
        [&](milliseconds part) {
          told += std::to_string(part.count()) + " ";
          return --ends_after != 0;
        },
        [&] { told += "look "; });
    return told + (whole ? "whole" : "ended");
  };
  CAF_CHECK_EQUAL(course(0, 9), "0 whole");
  CAF_CHECK_EQUAL(course(60, 9), "60 whole");
  CAF_CHECK_EQUAL(course(61, 9), "60 look 1 whole");
  CAF_CHECK_EQUAL(course(150, 9), "60 look 60 look 30 whole");
  CAF_CHECK_EQUAL(course(150, 2), "60 look 60 ended");
  CAF_CHECK_EQUAL(course(150, 3), "60 look 60 look 30 ended");
}
