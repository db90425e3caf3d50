// An audit of what is new, in small steps: each new row against the one before it in its account's
// chain, each new result against its row, and whether each new row gets its result.
//
// What was there before the mark from which it began, and what people change afterwards in old
// rows, the whole audit finds. Belongs to one thread, which waits for database and broker.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "app/audit/findings.hpp"
#include "domain/currency.hpp"
#include "messaging/broker.hpp"
#include "persistence/ledger_reader.hpp"

namespace ledgerd {

// How far results and rows were at a moment. Results first: those of rows that came later come
// later, so that no clock decides which row must have one.
struct audit_mark {
  std::int64_t results_made_at = 0; // the life of their stream
  std::uint64_t next_result = 1;
  transaction_id last_row{};
  database_time at{}; // before either was asked for
};

// Waits; throws std::runtime_error.
audit_mark take_mark(ledger_reader& ledger, broker& nats);

// The checks. Pure; the caller says what time it is, by the database's clock.
class steady_checks {
public:
  // For so long a row may be without a result: the broker may be away, or a node may have died.
  static constexpr std::chrono::minutes result_patience{10};
  // How many results without their rows, and rows without their results, are remembered before no
  // more of them are looked at for the present.
  static constexpr std::size_t remembered_max = 200'000;

  // Rows up to this one were there before.
  explicit steady_checks(transaction_id from = {}) : last_row_(from) {}

  // Goes on after this row. What has been found stays.
  void skip_to(transaction_id row);

  // The newest row of all; what was there before may be gone. Then no row is remembered.
  void newest(transaction_id row);

  // Rows in order of their ids.
  void rows(std::span<const linked_posting> rows);

  // Results, and those of their rows that exist.
  void results(std::span<const stored_message> messages, std::span<const audited_posting> rows,
               const currency_table& currencies);

  // Results were deleted before they were looked at: of rows until now nobody can tell whether they
  // had one.
  void results_missed(database_time now);

  // Rows that have been without a result for too long, of which none is while nobody could look for
  // so long: then nobody could publish either.
  void pass(database_time now, database_time looks_since = {},
            std::chrono::minutes patience = result_patience);

  // Whether results, or rows, may be looked at now: there is room to remember them. If there is for
  // neither, which only strange results can bring about, what was remembered is forgotten, and is
  // not proven.
  bool has_room_for_results();
  bool has_room_for_rows() const noexcept { return waiting_.size() < remembered_max; }

  transaction_id last_row() const noexcept { return last_row_; } // that was looked at
  const finding_list& findings() const noexcept { return findings_; }
  std::uint64_t row_count() const noexcept { return row_count_; }
  std::uint64_t result_count() const noexcept { return result_count_; }
  std::size_t waiting() const noexcept { return waiting_.size(); }

  // When the oldest row was decided that waits for its result; nothing: none does.
  std::optional<database_time> waits_since() const;

private:
  void forget();

  transaction_id last_row_;
  database_time judged_from_{}; // rows of before are without a result that could be missing
  database_time newest_seen_{}; // of the rows whose results were seen
  finding_list findings_;
  std::uint64_t row_count_ = 0;
  std::uint64_t result_count_ = 0;
  std::unordered_set<std::int64_t> seen_; // records that have a result, and whose row is to come
  std::map<std::int64_t, std::int64_t> waiting_; // records without a result: when they were decided
};

// Since when it has been possible to look, without a long pause: longer than half the patience of a
// row, or a clock that was set back. Pure; belongs to one thread.
class look_watch {
public:
  void looks(database_time now);
  database_time since() const noexcept { return since_; }

private:
  std::optional<database_time> last_;
  database_time since_{};
};

class steady_audit {
public:
  // Begins with what came after the mark. Both outlive it.
  steady_audit(ledger_reader& ledger, broker& nats, const audit_mark& from);

  // Begins with what comes from now on. Waits; throws std::runtime_error, as the steps do: such a
  // step is made again.
  steady_audit(ledger_reader& ledger, broker& nats)
      : steady_audit(ledger, nats, take_mark(ledger, nats)) {}

  // Goes on with what came after the mark, unless it has got further. What has been found stays.
  void skip_to(const audit_mark& mark);

  // Looks at the next rows and results, at most so many of each. True: there was no more. For the
  // rest see `steady_checks::pass`.
  bool step(std::size_t at_most = 2000, database_time looks_since = {},
            std::chrono::minutes patience = steady_checks::result_patience);

  // Whether it is possible to look now, which `watch` hears. To be asked every few minutes, also
  // while there is a pause between two looks.
  bool can_look(look_watch& watch) const;

  // Steps until there is no more; throws, too, when it is not possible to look. No row is without a
  // result for having been decided while it was not.
  void catch_up(look_watch& watch);

  const steady_checks& checks() const noexcept { return checks_; }

  // Rows and results of before this moment have been looked at.
  database_time seen_to() const noexcept { return std::min(results_seen_to_, rows_seen_to_); }

  // The same, and none of these rows waits for its result.
  database_time proven_to() const;

private:
  bool is_behind(const audit_mark& mark) const noexcept;
  bool look_at_results(std::size_t at_most);
  bool look_at_rows(std::size_t at_most);

  ledger_reader& ledger_;
  broker& nats_;
  steady_checks checks_;
  std::int64_t results_made_at_ = 0; // the life of their stream
  std::uint64_t next_result_ = 1;
  database_time results_seen_to_{};
  database_time rows_seen_to_{};
};

} // namespace ledgerd
