#include "app/audit/steady_audit.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "app/audit/ledger.hpp"
#include "app/audit/letters.hpp"
#include "domain/opening.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

// A transaction that began earlier may commit later, but not by more than its own limits.
constexpr std::chrono::seconds rest{30};

std::string record_of_text(std::int64_t record) {
  return "record " + std::to_string(record);
}

database_time now() {
  return database_time{std::chrono::duration_cast<std::chrono::microseconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count()};
}

database_time before(database_time time, std::chrono::microseconds by) {
  return database_time{to_int(time) - by.count()};
}

} // namespace

// Whatever was remembered is given up together, rather than half of it; rows to come whose results
// are forgotten are not judged.
void steady_checks::forget() {
  if (!seen_.empty())
    judged_from_ = std::max(judged_from_, database_time{to_int(newest_seen_) + 1});
  seen_.clear();
  waiting_.clear();
}

void steady_checks::skip_to(transaction_id row) {
  last_row_ = row;
  forget();
}

void steady_checks::newest(transaction_id row) {
  if (row >= last_row_)
    return;
  findings_.add(finding_kind::rows_lost, "row " + std::to_string(to_int(last_row_))
                                             + " was there, and the newest is now "
                                             + std::to_string(to_int(row)));
  last_row_ = row;
  forget();
}

bool steady_checks::has_room_for_results() {
  if (seen_.size() < remembered_max)
    return true;
  if (has_room_for_rows())
    return false;
  forget();
  return true;
}

void steady_checks::rows(std::span<const linked_posting> rows) {
  for (const auto& each : rows) {
    ++row_count_;
    last_row_ = each.at.row.id;
    if (auto fault = fault_of(each.at, each.balance_before))
      findings_.add(fault->kind, std::move(fault->detail));
    const auto record = to_int(each.at.row.record);
    if (seen_.erase(record) == 0 && !is_opening(each.at.row) // no result tells of an opening
        && each.at.row.created_at >= judged_from_)
      waiting_.emplace(record, to_int(each.at.row.created_at));
  }
}

void steady_checks::results(std::span<const stored_message> messages,
                            std::span<const audited_posting> rows,
                            const currency_table& currencies) {
  std::unordered_map<std::int64_t, const posting*> by_record;
  for (const auto& each : rows)
    by_record.emplace(to_int(each.row.record), &each.row);
  for (const auto& message : messages) {
    ++result_count_;
    const auto text = message_text(names::result_stream, message.seq);
    const auto record = record_in_payload(message.payload);
    if (!record) {
      findings_.add(finding_kind::result_malformed, text + ": there is no recordId in it");
      continue;
    }
    const auto found = by_record.find(to_int(*record));
    if (found == by_record.end()) {
      findings_.add(finding_kind::result_without_posting,
                    record_of_text(to_int(*record)) + " has a result, but no row");
      continue;
    }
    const auto exponent = currencies.exponent(found->second->account.currency);
    if (exponent
        && (message.subject != route_of(found->second->type).result
            || encode_result(*found->second, *exponent) != message.payload))
      findings_.add(finding_kind::result_differs,
                    record_of_text(to_int(*record)) + ": the result is not that of its row");
    if (waiting_.erase(to_int(*record)) == 0 && found->second->id > last_row_) {
      seen_.insert(to_int(*record));
      newest_seen_ = std::max(newest_seen_, found->second->created_at);
    }
  }
}

void steady_checks::results_missed(database_time now) {
  judged_from_ = now;
  forget();
}

void steady_checks::pass(database_time now, database_time looks_since,
                         std::chrono::minutes patience) {
  const auto limit = before(now, patience);
  if (limit < looks_since)
    return;
  std::erase_if(waiting_, [&](const auto& each) {
    if (each.second > to_int(limit))
      return false;
    findings_.add(finding_kind::posting_without_result,
                  record_of_text(each.first) + " has a row, but no result");
    return true;
  });
}

void look_watch::looks(database_time now) {
  const bool goes_on =
      last_ && now >= *last_ && before(now, steady_checks::result_patience / 2) <= *last_;
  if (!goes_on)
    since_ = now;
  last_ = now;
}

std::optional<database_time> steady_checks::waits_since() const {
  std::optional<database_time> oldest;
  for (const auto& [record, decided] : waiting_)
    oldest = std::min(oldest.value_or(database_time{decided}), database_time{decided});
  return oldest;
}

audit_mark take_mark(ledger_reader& ledger, broker& nats) {
  const auto at = now();
  const auto results = nats.stream(names::result_stream);
  return {.results_made_at = results.created_at_ns,
          .next_result = results.last_seq + 1,
          .last_row = ledger.marks(record_id{1}, 1).highest_transaction,
          .at = at};
}

steady_audit::steady_audit(ledger_reader& ledger, broker& nats, const audit_mark& from)
    : ledger_(ledger), nats_(nats), checks_(from.last_row), results_made_at_(from.results_made_at),
      next_result_(from.next_result), results_seen_to_(from.at), rows_seen_to_(from.at) {}

// By the results alone: rows are looked at after them.
bool steady_audit::is_behind(const audit_mark& mark) const noexcept {
  return results_made_at_ == mark.results_made_at ? next_result_ < mark.next_result
                                                  : seen_to() < mark.at;
}

void steady_audit::skip_to(const audit_mark& mark) {
  if (!is_behind(mark))
    return;
  checks_.skip_to(mark.last_row);
  results_made_at_ = mark.results_made_at;
  next_result_ = mark.next_result;
  results_seen_to_ = rows_seen_to_ = mark.at;
}

database_time steady_audit::proven_to() const {
  return std::min(seen_to(), checks_.waits_since().value_or(seen_to()));
}

bool steady_audit::step(std::size_t at_most, database_time looks_since,
                        std::chrono::minutes patience) {
  // Results first: by the time its row is looked at, which rests before, a result is there. More
  // results than can be remembered wait for their rows to have rested.
  const bool room_for_results = checks_.has_room_for_results();
  const bool no_results = !room_for_results || look_at_results(at_most);
  const bool no_rows = !checks_.has_room_for_rows() || look_at_rows(at_most);
  if (no_results && no_rows)
    checks_.pass(room_for_results ? now() : results_seen_to_, looks_since, patience);
  return no_results && no_rows;
}

bool steady_audit::can_look(look_watch& watch) const {
  const bool can = nats_.connected();
  if (can)
    watch.looks(now());
  return can;
}

void steady_audit::catch_up(look_watch& watch) {
  do
    if (!can_look(watch))
      throw std::runtime_error("not connected to NATS");
  while (!step(2000, watch.since()));
}

bool steady_audit::look_at_results(std::size_t at_most) {
  const auto asked_at = now();
  const auto state = nats_.stream(names::result_stream);
  if (!state.exists) { // readiness says so
    results_seen_to_ = asked_at;
    return true;
  }
  const bool made_anew =
      std::exchange(results_made_at_, state.created_at_ns) != state.created_at_ns;
  if (made_anew)
    next_result_ = 1;
  if (made_anew || state.first_seq > next_result_)
    checks_.results_missed(asked_at);
  next_result_ = std::max(next_result_, state.first_seq);
  if (state.last_seq < next_result_) {
    results_seen_to_ = asked_at;
    return true;
  }
  std::vector<stored_message> messages;
  nats_.read(names::result_stream, "", next_result_, [&](const stored_message& message) {
    messages.push_back(message);
    return messages.size() < at_most;
  });
  std::vector<record_id> ids;
  for (const auto& each : messages)
    if (const auto record = record_in_payload(each.payload))
      ids.push_back(*record);
  // A row is there before its result.
  const auto rows = ids.empty() ? std::vector<audited_posting>{} : ledger_.find_all(ids);
  checks_.results(messages, rows, currency_table(ledger_.currencies()));
  if (!messages.empty())
    next_result_ = messages.back().seq + 1;
  const bool no_more = messages.size() < at_most;
  results_seen_to_ = no_more ? asked_at : database_time{messages.back().stored_at_ns / 1000};
  return no_more;
}

bool steady_audit::look_at_rows(std::size_t at_most) {
  const auto asked_at = now();
  const auto rows = ledger_.linked_after(checks_.last_row(), at_most, rest);
  checks_.rows(rows);
  if (rows.empty())
    checks_.newest(ledger_.marks(record_id{1}, 1).highest_transaction);
  const bool no_more = rows.size() < at_most;
  rows_seen_to_ = no_more ? before(asked_at, rest) : rows.back().at.row.created_at;
  return no_more;
}

} // namespace ledgerd
