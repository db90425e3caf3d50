// SHADOW BOOK: which results of the present service wait for a row of the shadow, which rows wait
// for a result, and what the comparison of the two has said.
//
// A result is looked up when it comes, when the shadow decides its record, and once more before it
// is given up: when the shadow has gone past it in the stream, or has nothing to do. So a shadow
// that is behind loses nothing, and what it will never decide does not pile up. What waits is
// bounded in number and in bytes. News of a row comes later than the row, and once more when its
// request does: a row that has its answer already waits for none. A plain class; belongs to one
// actor. Times are of the steady clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "actors/ledger/shadow_counters.hpp"
#include "messaging/ports.hpp"
#include "messaging/shadow_comparison.hpp"
#include "messaging/shadow_ports.hpp"

namespace ledgerd {

struct shadow_book_options {
  std::size_t results_max = 10000; // that wait for a row
  std::size_t bytes_max;           // of their payloads
  // That wait for a result, and as many answers that are remembered.
  std::size_t rows_max = 100000;
  // What has no counterpart for so long has none yet.
  std::chrono::milliseconds patience{60000};
  std::chrono::milliseconds settling{10000}; // from the pull of a request to its row, at most
};

class shadow_book {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // `currencies` outlives this object.
  shadow_book(const currency_table& currencies, shadow_book_options options)
      : comparison_(currencies), options_(options) {}

  // What the shadow did meanwhile.
  void note(const shadow_notes::taken& done, time_point now);

  // For how many more results.
  capacity room() const noexcept;
  bool has_room() const noexcept { return room().messages > 0; }

  // A result of the present service. A copy of one that waits is passed over.
  void told(told_result&& result, time_point now);

  // What is to be looked for in the ledger now, at most `at_most`. Call `found` with what there is
  // before anything else; when that cannot be had, call `again`.
  std::vector<record_id> sought(std::size_t at_most, time_point now);
  std::vector<result_difference> found(const std::vector<posting>& rows);
  void again();

  // Records for which the present service gave a result and the shadow a dead letter, since the
  // last call, each with the reason.
  std::vector<std::pair<record_id, std::string>> take_parked_here();

  // How many rows have been without a result for longer than the patience, and the oldest of these.
  std::pair<std::size_t, record_id> unanswered(time_point now) const;

  shadow_numbers numbers(time_point now) const;

private:
  struct waiting_result {
    told_result result;
    time_point since;
    bool look = true;  // at the next chance
    bool last = false; // and then give it up
  };
  using results = std::unordered_map<record_id, waiting_result>;

  bool is_hopeless(const waiting_result& one, time_point now) const;
  void give_up(record_id id);
  void forget_row(record_id id);
  void remember_answered(record_id id);
  void forget_result(results::iterator which);

  shadow_comparison comparison_;
  shadow_book_options options_;
  results results_;
  std::size_t bytes_ = 0; // of their payloads
  std::vector<record_id> asked_;
  std::deque<std::pair<time_point, record_id>> rows_; // in order; those that are answered stay
  std::unordered_set<record_id> open_rows_;           // those that are not
  std::unordered_set<record_id> answered_;            // the latest rows that have a result
  std::deque<record_id> answered_order_;
  std::unordered_map<record_id, std::string> parked_; // the latest, with the reason
  std::deque<record_id> parked_order_;
  std::vector<std::pair<record_id, std::string>> parked_here_;
  std::int64_t reached_ns_ = 0;
  time_point pulled_at_;
  shadow_counters counters_;
};

} // namespace ledgerd
