#include "domain/plan.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/domain/seed.hpp"

#define CAF_SUITE plan
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

constexpr auto top = std::numeric_limits<std::int64_t>::max();
constexpr auto in = movement::deposit;
constexpr auto out = movement::withdrawal;
constexpr auto none = static_cast<std::size_t>(-1);

std::string_view name(outcome verdict) {
  switch (verdict) {
  case outcome::conflict:
    return "conflict";
  case outcome::duplicate:
    return "duplicate";
  case outcome::insufficient_funds:
    return "insufficient_funds";
  case outcome::balance_overflow:
    return "balance_overflow";
  case outcome::applied:
    return "applied";
  }
  return "?";
}

account_key account(std::string user, std::string_view currency = "KRW") {
  return {std::move(user), *currency_code::parse(currency)};
}

// One entry and what is expected of it.
struct plan_row {
  std::string user;
  std::int64_t id;
  movement type;
  std::int64_t amount;
  outcome verdict;
  std::int64_t seq;           // of the posting that answers
  std::int64_t balance_after; // of the posting that answers
  std::size_t answered_by;
};

struct head_row {
  std::string user;
  std::int64_t balance;
  std::int64_t seq;
  std::int64_t balance_after_batch;
  std::int64_t seq_after_batch;
};

posting stored(std::int64_t id, std::string user, movement type, std::int64_t amount,
               outcome verdict, std::int64_t seq, std::int64_t balance_after) {
  return {.id = transaction_id{id + 1000},
          .record = record_id{id},
          .account = account(std::move(user)),
          .seq = seq,
          .type = type,
          .amount = money{amount},
          .verdict = verdict,
          .balance_after = money{balance_after},
          .created_at = database_time{17}};
}

// Gives the rows of a plan what the database would give them.
void number_rows(batch_plan& planned) {
  std::int64_t next = 1;
  for (auto& row : planned.rows) {
    row.id = transaction_id{next++};
    row.created_at = database_time{42};
  }
}

account_head before(const head_row& row) {
  return {money{row.balance}, row.seq};
}

// Entries in the order of the rows, which is not that of the accounts.
posting_batch make_batch(const std::vector<head_row>& heads, const std::vector<plan_row>& rows) {
  posting_batch result;
  for (const auto& head : heads)
    result.heads.push_back({account(head.user), std::nullopt});
  for (const auto& row : rows) {
    const auto of = std::find_if(heads.begin(), heads.end(),
                                 [&](const head_row& head) { return head.user == row.user; });
    result.entries.push_back({{record_id{row.id}, account(row.user), row.type, money{row.amount}},
                              static_cast<std::size_t>(of - heads.begin())});
  }
  return result;
}

void check_plan(const std::vector<head_row>& heads, const std::vector<plan_row>& rows,
                const known_postings& known = {}) {
  std::vector<account_head> given;
  std::transform(heads.begin(), heads.end(), std::back_inserter(given), before);
  auto planned = plan(make_batch(heads, rows), given, known);
  number_rows(planned);
  const auto new_rows = planned.rows;
  const auto after = planned.heads;
  const auto answers = complete(std::move(planned));
  CAF_REQUIRE_EQUAL(after.size(), heads.size());
  for (std::size_t h = 0; h < heads.size(); ++h) {
    CAF_MESSAGE("account " << heads[h].user);
    CAF_CHECK_EQUAL(after[h].balance.minor_units(), heads[h].balance_after_batch);
    CAF_CHECK_EQUAL(after[h].seq, heads[h].seq_after_batch);
  }
  CAF_REQUIRE_EQUAL(answers.size(), rows.size());
  std::size_t next = 0; // the rows stand in the order of the entries
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const auto& expected = rows[at];
    const auto& answered = answers[at];
    CAF_MESSAGE("row " << at << ", record " << expected.id);
    CAF_CHECK_EQUAL(name(answered.verdict), name(expected.verdict));
    CAF_CHECK_EQUAL(to_int(answered.stored.record), expected.id);
    CAF_CHECK_EQUAL(answered.stored.seq, expected.seq);
    CAF_CHECK_EQUAL(answered.stored.balance_after.minor_units(), expected.balance_after);
    if (is_new(expected.verdict))
      CAF_CHECK_EQUAL(expected.answered_by, next++);
    if (expected.answered_by != none)
      CAF_CHECK(answered.stored == new_rows.at(expected.answered_by));
    else
      CAF_CHECK(answered.stored == known.at(record_id{expected.id}));
  }
  CAF_CHECK_EQUAL(next, new_rows.size());
}

} // namespace

CAF_TEST(one_decision) {
  const struct {
    std::int64_t balance;
    movement type;
    std::int64_t amount;
    outcome verdict;
    std::int64_t balance_after;
  } rows[] = {
      {0, in, 1, outcome::applied, 1},
      {0, in, top, outcome::applied, top},
      {1, in, top, outcome::balance_overflow, 1},
      {top, in, 1, outcome::balance_overflow, top},
      {top - 1, in, 1, outcome::applied, top},
      {top - 1, in, 2, outcome::balance_overflow, top - 1},
      {top, in, top, outcome::balance_overflow, top},
      {0, out, 1, outcome::insufficient_funds, 0},
      {0, out, top, outcome::insufficient_funds, 0},
      {1, out, 1, outcome::applied, 0},
      {1, out, 2, outcome::insufficient_funds, 1},
      {100, out, 99, outcome::applied, 1},
      {100, out, 100, outcome::applied, 0},
      {100, out, 101, outcome::insufficient_funds, 100},
      {top, out, top, outcome::applied, 0},
      {top - 1, out, top, outcome::insufficient_funds, top - 1},
      {top, out, 1, outcome::applied, top - 1},
  };
  for (const auto& [balance, type, amount, verdict, balance_after] : rows) {
    CAF_MESSAGE(balance << " " << to_text(type) << " " << amount);
    const auto decided = decide(money{balance}, type, money{amount});
    CAF_CHECK_EQUAL(name(decided.verdict), name(verdict));
    CAF_CHECK_EQUAL(decided.balance_after.minor_units(), balance_after);
  }
}

CAF_TEST(an_empty_batch_has_an_empty_plan) {
  auto planned = plan({}, {}, {});
  CAF_CHECK(planned.rows.empty() && planned.heads.empty() && complete(std::move(planned)).empty());
  check_plan({{"a", 5, 2, 5, 2}}, {});
}

CAF_TEST(balances_and_sequence_numbers_chain_inside_an_account) {
  check_plan({{"a", 0, 0, 30, 6}}, {
                                       {"a", 1, in, 100, outcome::applied, 1, 100, 0},
                                       {"a", 2, out, 101, outcome::insufficient_funds, 2, 100, 1},
                                       {"a", 3, out, 60, outcome::applied, 3, 40, 2},
                                       {"a", 4, out, 40, outcome::applied, 4, 0, 3},
                                       {"a", 5, out, 1, outcome::insufficient_funds, 5, 0, 4},
                                       {"a", 6, in, 30, outcome::applied, 6, 30, 5},
                                   });
}

CAF_TEST(accounts_do_not_touch_each_other) {
  check_plan({{"a", 7, 41, 8, 42}, {"b", 0, 0, 0, 1}, {"c", top, 9, top, 10}},
             {
                 {"a", 1, in, 1, outcome::applied, 42, 8, 0},
                 {"b", 2, out, 1, outcome::insufficient_funds, 1, 0, 1},
                 {"c", 3, in, 1, outcome::balance_overflow, 10, top, 2},
             });
}

CAF_TEST(entries_of_several_accounts_may_stand_in_any_order) {
  check_plan({{"a", 0, 0, 40, 3}, {"idle", 9, 4, 9, 4}, {"b", 7, 1, 0, 3}},
             {
                 {"b", 1, out, 8, outcome::insufficient_funds, 2, 7, 0},
                 {"a", 2, in, 100, outcome::applied, 1, 100, 1},
                 {"b", 3, out, 7, outcome::applied, 3, 0, 2},
                 {"a", 4, out, 60, outcome::applied, 2, 40, 3},
                 {"a", 5, out, 60, outcome::insufficient_funds, 3, 40, 4},
             });
}

CAF_TEST(an_id_of_two_accounts_belongs_to_the_entry_that_stands_first) {
  check_plan({{"a", 0, 0, 1, 1}, {"b", 0, 0, 10, 1}},
             {
                 {"b", 1, in, 10, outcome::applied, 1, 10, 0},
                 {"a", 1, in, 10, outcome::conflict, 1, 10, 0},
                 {"a", 2, in, 1, outcome::applied, 1, 1, 1},
                 {"b", 1, in, 10, outcome::duplicate, 1, 10, 0},
                 {"b", 2, in, 1, outcome::conflict, 1, 1, 1},
             });
}

CAF_TEST(an_id_twice_in_a_batch_is_answered_by_its_first_place) {
  check_plan({{"a", 0, 0, 15, 3}}, {
                                       {"a", 1, in, 10, outcome::applied, 1, 10, 0},
                                       {"a", 1, in, 10, outcome::duplicate, 1, 10, 0},
                                       {"a", 2, in, 5, outcome::applied, 2, 15, 1},
                                       {"a", 1, in, 11, outcome::conflict, 1, 10, 0},
                                       {"a", 1, out, 10, outcome::conflict, 1, 10, 0},
                                       {"a", 3, out, 99, outcome::insufficient_funds, 3, 15, 2},
                                       {"a", 3, out, 99, outcome::duplicate, 3, 15, 2},
                                       {"a", 1, in, 10, outcome::duplicate, 1, 10, 0},
                                   });
}

CAF_TEST(an_id_of_two_accounts_is_a_conflict_answered_by_its_first_place) {
  check_plan({{"a", 0, 0, 10, 1}, {"b", 3, 1, 3, 1}, {"c", 0, 0, 1, 1}},
             {
                 {"a", 1, in, 10, outcome::applied, 1, 10, 0},
                 {"b", 1, in, 10, outcome::conflict, 1, 10, 0},
                 {"c", 1, in, 10, outcome::conflict, 1, 10, 0},
                 {"c", 2, in, 1, outcome::applied, 1, 1, 1},
             });
}

CAF_TEST(known_postings_answer_and_write_nothing) {
  const known_postings known{
      {record_id{1}, stored(1, "a", in, 10, outcome::applied, 4, 10)},
      {record_id{2}, stored(2, "a", out, 99, outcome::insufficient_funds, 5, 10)},
      {record_id{3}, stored(3, "z", in, 7, outcome::applied, 1, 7)},
      {record_id{4}, stored(4, "a", in, top, outcome::balance_overflow, 6, 10)},
  };
  check_plan({{"a", 200, 8, 201, 9}},
             {
                 {"a", 1, in, 10, outcome::duplicate, 4, 10, none},
                 {"a", 1, in, 10, outcome::duplicate, 4, 10, none},
                 {"a", 2, out, 99, outcome::duplicate, 5, 10,
                  none}, // a refusal stays one, whatever the balance is now
                 {"a", 2, in, 99, outcome::conflict, 5, 10, none},
                 {"a", 3, in, 7, outcome::conflict, 1, 7, none},
                 {"a", 4, in, top, outcome::duplicate, 6, 10, none},
                 {"a", 9, in, 1, outcome::applied, 9, 201, 0},
             },
             known);
}

// The property test's batches, and a reference that handles one entry after the other, the way the
// rules are told.
namespace {

class generator {
public:
  explicit generator(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  // Most ids belong to one account and always ask for the same; one in eight asks for anything.
  entry next(std::uint64_t user) {
    const auto own = below(8) != 0;
    const auto id = own ? 1 + user + 6 * below(12) : 1 + below(72);
    const auto content = own ? id * 0x9e3779b97f4a7c15U >> 32U : below(1'000'000);
    const auto small = static_cast<std::int64_t>(1 + content / 2 % 3);
    const auto amount = content / 6 % 4 == 0 ? top - small : small;
    return {record_id{static_cast<std::int64_t>(id)}, account(user_name(user)),
            content % 2 == 0 ? in : out, money{amount}};
  }

  static std::string user_name(std::uint64_t user) {
    return std::string(1, static_cast<char>('a' + user));
  }

private:
  std::mt19937_64 random_;
};

class reference_ledger {
public:
  account_head& head(const std::string& user) { return heads_[user]; }
  const known_postings& rows() const { return rows_; }

  // What must come out for `asked`, but for the row's own number and time. `fresh`: it writes a
  // row.
  std::pair<answer, bool> handle(const entry& asked) {
    if (const auto old = rows_.find(asked.id); old != rows_.end()) {
      const auto& row = old->second;
      const auto same =
          row.account == asked.account && row.type == asked.type && row.amount == asked.amount;
      return {{same ? outcome::duplicate : outcome::conflict, row}, false};
    }
    auto& before = heads_[asked.account.user_id];
    const auto balance = static_cast<__int128>(before.balance.minor_units());
    const auto moved = asked.type == in ? balance + asked.amount.minor_units()
                                        : balance - asked.amount.minor_units();
    const auto verdict = moved < 0     ? outcome::insufficient_funds
                         : moved > top ? outcome::balance_overflow
                                       : outcome::applied;
    if (verdict == outcome::applied)
      before.balance = money{static_cast<std::int64_t>(moved)};
    ++before.seq;
    const posting row{.record = asked.id,
                      .account = asked.account,
                      .seq = before.seq,
                      .type = asked.type,
                      .amount = asked.amount,
                      .verdict = verdict,
                      .balance_after = before.balance};
    rows_.emplace(asked.id, row);
    return {{verdict, row}, true};
  }

  // Takes over the number and the time that the database gave the row.
  void stored(const posting& row) { rows_.at(row.record) = row; }

private:
  std::map<std::string, account_head> heads_;
  known_postings rows_;
};

// A batch for some accounts, their entries in any order, and the heads to decide it on.
std::pair<posting_batch, std::vector<account_head>> random_batch(generator& random,
                                                                 reference_ledger& reference) {
  posting_batch batch;
  std::vector<account_head> heads;
  const auto first = random.below(6);
  for (std::uint64_t i = 0; i < 4; ++i) {
    const auto user = generator::user_name((first + i) % 6);
    batch.heads.push_back({account(user), std::nullopt});
    heads.push_back(reference.head(user));
  }
  for (auto n = random.below(45); n > 0; --n) {
    const auto place = random.below(4);
    batch.entries.push_back({random.next((first + place) % 6), place});
  }
  return {std::move(batch), std::move(heads)};
}

} // namespace

CAF_TEST(random_batches_agree_with_one_entry_at_a_time) {
  const auto seed = property_seed();
  CAF_MESSAGE("seed " << seed);
  generator random(seed);
  std::map<outcome, int> seen;
  for (int round = 0; round < 400; ++round) {
    reference_ledger reference;
    for (int batch = 0; batch < 4; ++batch) {
      const auto [asked, heads] = random_batch(random, reference);
      auto planned = plan(asked, heads, reference.rows());
      number_rows(planned);
      const auto rows = planned.rows;
      const auto after = planned.heads;
      const auto answers = complete(std::move(planned));
      CAF_REQUIRE_EQUAL(answers.size(), asked.entries.size());
      std::size_t written = 0;
      for (std::size_t i = 0; i < answers.size(); ++i) {
        auto [expected, fresh] = reference.handle(asked.entries[i].asked);
        const auto& answered = answers[i];
        ++seen[answered.verdict];
        CAF_REQUIRE_EQUAL(name(answered.verdict), name(expected.verdict));
        if (fresh) {
          CAF_REQUIRE(written < rows.size());
          expected.stored.id = rows[written].id;
          expected.stored.created_at = rows[written].created_at;
          reference.stored(expected.stored);
          ++written;
        }
        CAF_REQUIRE(answered.stored == expected.stored);
      }
      CAF_REQUIRE_EQUAL(after.size(), asked.heads.size());
      for (std::size_t h = 0; h < after.size(); ++h)
        CAF_REQUIRE(after[h] == reference.head(asked.heads[h].account.user_id));
      CAF_REQUIRE_EQUAL(written, rows.size());
    }
  }
  CAF_CHECK_EQUAL(seen.size(), 5u);
  for (const auto& [verdict, count] : seen) {
    CAF_MESSAGE(name(verdict) << ": " << count);
    CAF_CHECK_GREATER(count, 1'000); // the generator reaches every verdict
  }
}
