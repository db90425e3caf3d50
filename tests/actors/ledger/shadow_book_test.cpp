#include "actors/ledger/shadow_book.hpp"

#include <string>

#define CAF_SUITE shadow_book
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

const currency_table currencies({{*currency_code::parse("KRW"), 0}});
const auto start = std::chrono::steady_clock::now();

posting row(std::int64_t id, std::int64_t balance_after = 10) {
  return {.id = transaction_id{id},
          .record = record_id{id},
          .account = {"ann", *currency_code::parse("KRW")},
          .seq = id,
          .type = movement::deposit,
          .amount = money{5},
          .verdict = outcome::applied,
          .balance_after = money{balance_after}};
}

constexpr std::size_t bytes_max = 1'000'000;

told_result result(std::int64_t id, std::int64_t stored_at_ns = 0, std::int64_t balance = 10) {
  return {record_id{id}, static_cast<std::uint64_t>(id), stored_at_ns,
          R"({"recordId":)" + std::to_string(id)
              + R"(,"status":"SUCCESS","amount":"5","balanceAfter":")" + std::to_string(balance)
              + "\"}"};
}

struct fixture {
  shadow_book book{currencies, {.results_max = 3, .bytes_max = bytes_max, .rows_max = 3}};
  std::vector<posting> ledger;
  std::size_t differences = 0;

  void note(std::vector<std::int64_t> decided, std::int64_t reached_ns = 0,
            std::chrono::milliseconds at = 0ms) {
    shadow_notes::taken done;
    for (const auto id : decided)
      done.decided.push_back(record_id{id});
    done.reached_ns = reached_ns;
    done.pulled_at = start + at;
    book.note(done, start + at);
  }

  void make(std::size_t results_max) {
    std::destroy_at(&book);
    std::construct_at(&book, currencies,
                      shadow_book_options{.results_max = results_max, .bytes_max = bytes_max});
  }

  // Results with these record ids and up, of 100 KB each, until there is no room. How many.
  std::int64_t fill(std::int64_t first, std::int64_t stored_at_ns = 0) {
    auto id = first;
    for (; book.has_room() && id < first + 100; ++id) {
      auto one = result(id, stored_at_ns);
      one.payload.back() = ',';
      one.payload += "\"note\":\"" + std::string(100'000, 'x') + "\"}";
      book.told(std::move(one), start);
    }
    return id - first;
  }

  void park(std::int64_t id) {
    shadow_notes::taken done;
    done.parked.emplace_back(record_id{id}, "INVALID_FIELD");
    done.pulled_at = start;
    book.note(done, start);
  }

  // The ids that were looked for.
  std::string look(std::chrono::milliseconds at) {
    std::string out;
    std::vector<posting> found;
    for (const auto id : book.sought(10, start + at)) {
      out += std::to_string(to_int(id)) + " ";
      for (const auto& one : ledger)
        if (one.record == id)
          found.push_back(one);
    }
    differences += book.found(found).size();
    return out;
  }

  // agreed differing parked no_row | results waiting, rows unanswered
  std::string numbers(std::chrono::milliseconds at) const {
    const auto n = book.numbers(start + at);
    return std::to_string(n.agreed) + " " + std::to_string(n.differing) + " "
           + std::to_string(n.parked_here) + " " + std::to_string(n.foreign) + " | "
           + std::to_string(n.results_waiting.value()) + " "
           + std::to_string(n.rows_unanswered.value());
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(shadow_book_tests, fixture)

CAF_TEST(whoever_comes_first_waits_for_the_other) {
  book.told(result(1), start);
  CAF_CHECK_EQUAL(look(0ms), "1 ");
  CAF_CHECK_EQUAL(look(1ms), ""); // not again before there is news
  ledger = {row(1), row(2)};
  note({1, 2});
  CAF_CHECK_EQUAL(look(2ms), "1 ");
  CAF_CHECK_EQUAL(numbers(2ms), "1 0 0 0 | 0 0");
  CAF_CHECK_EQUAL(numbers(61s), "1 0 0 0 | 0 1"); // record 2 has no result
  CAF_CHECK_EQUAL(to_int(book.unanswered(start + 61s).second), 2);
  book.told(result(2, 0, 11), start + 62s);
  look(62s);
  CAF_CHECK_EQUAL(numbers(62s), "1 1 0 0 | 0 0");
  CAF_CHECK_EQUAL(differences, 1u);
}

CAF_TEST(a_result_is_given_up_when_the_shadow_has_gone_past_it) {
  book.told(result(1, 100), start);
  look(0ms);
  note({}, 99, 15s); // it is behind: however long that takes
  CAF_CHECK_EQUAL(look(20s), "");
  CAF_CHECK_EQUAL(look(74s), "");
  note({}, 101, 74s);
  CAF_CHECK_EQUAL(look(74s), "1 "); // the last look
  CAF_CHECK_EQUAL(numbers(74s), "0 0 0 1 | 0 0");
}

CAF_TEST(a_result_is_given_up_when_nothing_comes_any_more) {
  note({}, 50, 0ms);
  book.told(result(1, 100), start);
  look(0ms);
  CAF_CHECK_EQUAL(look(60s), "");
  CAF_CHECK_EQUAL(look(60s + 1ms), "1 ");
  CAF_CHECK_EQUAL(numbers(61s), "0 0 0 1 | 0 0");
}

// The row is there before the news of it: a result that comes in between finds it.
CAF_TEST(a_row_that_is_answered_before_it_is_noted_is_not_unanswered) {
  ledger = {row(1), row(2)};
  book.told(result(1), start);
  CAF_CHECK_EQUAL(look(0ms), "1 ");
  note({1, 2});
  CAF_CHECK_EQUAL(numbers(61s), "1 0 0 0 | 0 1");
  CAF_CHECK_EQUAL(to_int(book.unanswered(start + 61s).second), 2);
}

CAF_TEST(a_row_that_the_last_look_has_found_is_not_unanswered) {
  book.told(result(1, 100), start);
  look(0ms);
  note({}, 101, 11s);
  ledger = {row(1)};
  CAF_CHECK_EQUAL(look(11s), "1 ");
  note({1}, 101, 11s);
  CAF_CHECK_EQUAL(numbers(80s), "1 0 0 0 | 0 0");
}

// Somebody has published the request twice, and the present service has answered once.
CAF_TEST(a_row_that_is_noted_once_more_is_not_unanswered) {
  ledger = {row(1)};
  note({1});
  book.told(result(1), start);
  look(0ms);
  note({1});
  CAF_CHECK_EQUAL(numbers(61s), "1 0 0 0 | 0 0");
}

CAF_TEST(a_result_of_a_record_that_is_parked_here_is_told) {
  park(1);
  book.told(result(1), start);
  book.told(result(2), start);
  park(2);
  look(0ms);
  CAF_CHECK_EQUAL(numbers(0ms), "0 0 0 0 | 2 0"); // either may be mended yet
  note({}, 1, 11s);
  look(11s);
  CAF_CHECK_EQUAL(numbers(11s), "0 0 2 0 | 0 0");
  CAF_CHECK_EQUAL(book.take_parked_here().size(), 2u);
  CAF_CHECK(book.take_parked_here().empty());
}

CAF_TEST(a_record_that_was_parked_and_is_decided_after_all_is_compared) {
  park(1);
  book.told(result(1), start); // of the mended request, which the shadow has yet to decide
  book.told(result(2), start);
  park(2);
  look(0ms);
  ledger = {row(1), row(2)};
  note({1, 2}, 1, 11s);
  look(11s);
  CAF_CHECK_EQUAL(numbers(80s), "2 0 0 0 | 0 0");
  CAF_CHECK(book.take_parked_here().empty());
}

CAF_TEST(what_waits_is_bounded) {
  for (int id = 1; id <= 3; ++id) {
    CAF_CHECK(book.has_room());
    book.told(result(id), start);
  }
  CAF_CHECK(!book.has_room());
  note({11, 12, 13, 14, 15});
  CAF_CHECK_EQUAL(book.unanswered(start + 2min).first, 3u);
  CAF_CHECK_EQUAL(book.numbers(start).lost, 2);
}

CAF_TEST(what_is_remembered_of_answers_is_bounded) {
  ledger = {row(1), row(2), row(3), row(4)};
  for (int id = 1; id <= 4; ++id) {
    book.told(result(id), start);
    look(0ms);
  }
  note({2, 3, 4});
  CAF_CHECK_EQUAL(book.unanswered(start + 2min).first, 0u);
  note({1}); // three answers are remembered, and its own was before them
  CAF_CHECK_EQUAL(book.unanswered(start + 2min).first, 1u);
}

CAF_TEST(what_waits_is_bounded_in_bytes_and_room_comes_back) {
  make(10000);
  CAF_CHECK_EQUAL(book.room().bytes, bytes_max);
  CAF_REQUIRE_EQUAL(fill(1), 10);
  CAF_CHECK_EQUAL(book.room().messages, 0u);
  book.told(result(1), start); // a copy counts nothing
  // Those that are judged, by a row each: so large a result is none that can be read.
  for (std::int64_t id = 1; id <= 3; ++id)
    ledger.push_back(row(id));
  note({1, 2, 3});
  look(1ms);
  CAF_CHECK_EQUAL(numbers(1ms), "0 3 0 0 | 7 0");
  CAF_CHECK(book.room().bytes > 200'000 && book.room().bytes < 300'000);
  CAF_CHECK_EQUAL(fill(11), 3);
  // Those that are given up, two of which are parked here.
  park(4);
  park(5);
  look(2ms);
  note({}, 1, 1s);
  look(11s);
  CAF_CHECK_EQUAL(numbers(11s), "0 3 2 8 | 0 0");
  CAF_CHECK_EQUAL(book.room().bytes, bytes_max);
}

CAF_TEST(a_result_larger_than_all_room_is_taken_and_judged) {
  make(10000);
  auto one = result(1);
  one.payload += std::string(2 * bytes_max, ' ');
  book.told(std::move(one), start);
  CAF_CHECK(!book.has_room());
  ledger = {row(1)};
  look(0ms);
  CAF_CHECK_EQUAL(numbers(0ms), "0 1 0 0 | 0 0");
  CAF_CHECK_EQUAL(book.room().bytes, bytes_max);
}

CAF_TEST(a_ledger_that_is_away_loses_nothing) {
  ledger = {row(1)};
  book.told(result(1), start);
  CAF_CHECK_EQUAL(book.sought(10, start).size(), 1u);
  book.again();
  CAF_CHECK_EQUAL(look(1ms), "1 ");
  CAF_CHECK_EQUAL(numbers(1ms), "1 0 0 0 | 0 0");
}

CAF_TEST(a_result_that_names_no_record_is_counted) {
  book.told({record_id{}, 1, 0, "?"}, start);
  CAF_CHECK_EQUAL(book.numbers(start).unreadable, 1);
}

CAF_TEST_FIXTURE_SCOPE_END()
