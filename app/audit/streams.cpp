#include "app/audit/streams.hpp"

#include <algorithm>
#include <chrono>
#include <functional>

#include "domain/assert.hpp"
#include "domain/opening.hpp"
#include "domain/release.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "persistence/schema_names.hpp"

namespace ledgerd {

namespace {

// How far the clocks of broker and database may be apart.
constexpr std::int64_t clock_slack_us = 60'000'000;

// How many records are asked for at a time.
constexpr std::size_t lookup_max = 5000;

// A result that somebody has replayed from its dead letter has an id of its own.
bool names_record(std::string_view message_id, record_id record) {
  const auto own = result_message_id(record);
  return message_id == own || message_id.starts_with(own + ".replay-")
         || message_id.starts_with("replay-"); // as earlier versions wrote it
}

// A stream that was made anew knows nothing of what came before.
bool is_younger(std::int64_t created_at_us, const stream_state& stream) noexcept {
  return created_at_us >= stream.created_at_ns / 1000;
}

std::string record_text(std::int64_t record) {
  return "record " + std::to_string(record);
}

// All up to this sequence number is settled. When nothing is pending, the floor may lag behind.
std::uint64_t settled_up_to(const consumer_state& state) noexcept {
  if (!state.exists)
    return 0;
  return state.ack_pending == 0 ? state.delivered : state.ack_floor;
}

} // namespace

void stream_audit::consumers(std::span<const consumer_state> deciders) {
  LEDGERD_ASSERT(deciders.size() == settled_.size());
  std::transform(deciders.begin(), deciders.end(), settled_.begin(), settled_up_to);
  looked_at_us_ = std::chrono::duration_cast<std::chrono::microseconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count();
}

void stream_audit::streams(const stream_state& requests, const stream_state& results,
                           const stream_state& dead_letters) {
  request_stream_ = requests;
  result_stream_ = results;
  letters_.streams(requests, results, dead_letters);
}

// Counts it if so. To be asked of what has no row.
bool stream_audit::is_of_another_service(std::int64_t stored_at_ns) noexcept {
  if (stored_at_ns / 1000 >= rules_.began_at)
    return false;
  ++counts_.before_import;
  return true;
}

void stream_audit::result(const stored_message& message) {
  if (is_of_another_service(message.stored_at_ns)) // rows are younger, and their results with them
    return;
  if (first_result_at_ns_ == 0)
    first_result_at_ns_ = message.stored_at_ns;
  for (const auto& letter : letters_.of(true, message))
    letters_.compare(message, letter);
  const auto record = record_in_payload(message.payload);
  if (!record)
    return findings_.add(finding_kind::result_malformed,
                         message_text(names::result_stream, message.seq)
                             + ": there is no recordId in it");
  if (!names_record(header_of(message, "Nats-Msg-Id").value_or(""), *record))
    return findings_.add(finding_kind::result_malformed,
                         message_text(names::result_stream, message.seq)
                             + ": Nats-Msg-Id does not name its record");
  note_mark(message, *record);
  ++counts_.results;
  result_list_.add(to_int(*record), {to_int(*record), digest_of(message.subject, message.payload)});
}

void stream_audit::row(const posting& row) {
  digest expected;
  if (const auto exponent = currencies_.exponent(row.account.currency))
    expected = digest_of(route_of(row.type).result, encode_result(row, *exponent));
  else
    findings_.add(finding_kind::unknown_currency, record_text(to_int(row.record)) + " is in "
                                                      + std::string(row.account.currency.text())
                                                      + ", which " + schema_name(schema::ledger)
                                                      + ".currencies does not know");
  const bool opening = is_opening(row);
  counts_.openings += opening ? 1 : 0;
  const auto id = to_int(row.id);
  if (reaches_back_to(to_int(row.created_at)))
    first_with_result_ = std::min(first_with_result_, id);
  if (is_younger(to_int(row.created_at), request_stream_))
    first_with_request_ = std::min(first_with_request_, id);
  row_list_.add(to_int(row.record), {.record = to_int(row.record),
                                     .id = id,
                                     .content = fingerprint(row.account, row.type, row.amount),
                                     .result = expected,
                                     .created_at = to_int(row.created_at),
                                     .opening = opening});
}

stream_audit::row_range stream_audit::rows_of(std::int64_t record) {
  const auto begin = std::lower_bound(
      rows_.begin(), rows_.end(), record,
      [](const row_state& row, std::int64_t wanted) { return row.record < wanted; });
  const auto end =
      std::find_if(begin, rows_.end(), [&](const row_state& row) { return row.record != record; });
  return {begin, end};
}

void stream_audit::match() {
  std::sort(rows_.begin(), rows_.end(),
            [](const auto& x, const auto& y) { return x.record < y.record; });
  for (std::size_t i = 1; i < rows_.size(); ++i)
    if (rows_[i].record == rows_[i - 1].record)
      findings_.add(finding_kind::record_id_twice, record_text(rows_[i].record) + " has two rows");
  std::sort(results_.begin(), results_.end());
  for (auto begin = results_.cbegin(); begin != results_.cend();) {
    const auto end = std::find_if(begin, results_.cend(),
                                  [&](const auto& r) { return r.record != begin->record; });
    match_results(begin, end);
    begin = end;
  }
}

// The results of one record.
void stream_audit::match_results(std::vector<result_state>::const_iterator begin,
                                 std::vector<result_state>::const_iterator end) {
  const auto [first, last] = rows_of(begin->record);
  if (first == last)
    return findings_.add(finding_kind::result_without_posting,
                         record_text(begin->record) + " has a result, but no row");
  const auto all_equal =
      std::all_of(begin, end, [&](const auto& r) { return r.bytes == begin->bytes; });
  bool like_a_row = false;
  for (auto row = first; row != last; ++row) {
    row->has_result = true;
    like_a_row = like_a_row
                 || std::any_of(begin, end, [&](const auto& r) { return r.bytes == row->result; });
  }
  if (!all_equal)
    findings_.add(finding_kind::copies_differ,
                  record_text(begin->record) + " has results with different bytes");
  if (!like_a_row && first->result != digest{})
    findings_.add(finding_kind::result_differs,
                  record_text(begin->record) + ": the result is not that of its row");
}

bool stream_audit::is_settled(const stored_message& request) const {
  for (std::size_t i = 0; i < settled_.size(); ++i)
    if (request.subject == movement_routes[i].request)
      return request.seq <= settled_[i];
  // No consumer takes it: nobody will answer it once any has gone past it.
  return request.seq <= *std::max_element(settled_.begin(), settled_.end());
}

// Whether the letter's reason is true of its original, as far as that can be told without the rows.
// Attempts can be exhausted by anything.
bool stream_audit::is_founded(const letter_book::parked_letter& letter,
                              const std::variant<entry, rejection>& decoded) {
  if (const auto* why = std::get_if<rejection>(&decoded))
    return letter.reason == why->reason || letter.reason == dead_reason::attempts_exhausted;
  switch (letter.reason) {
  case dead_reason::attempts_exhausted:
  case dead_reason::record_id_conflict: // see check_conflict
    return true;
  case dead_reason::invalid_field:
    return letter.blames_currency; // which may have been unknown then
  default:
    return false;
  }
}

void stream_audit::report_unfounded(std::uint64_t letter, dead_reason reason,
                                    std::uint64_t request) {
  findings_.add(finding_kind::dead_letter_unfounded,
                message_text(names::dead_letter_stream, letter) + " says "
                    + std::string(to_text(reason)) + ", which is not true of "
                    + message_text(names::request_stream, request));
}

void stream_audit::check_conflict(const request_state& letter) {
  const auto [begin, end] = rows_of(letter.record);
  const bool taken = begin != end && std::none_of(begin, end, [&](const auto& row) {
                       return row.content == letter.content;
                     });
  if (!taken)
    report_unfounded(letter.conflict_letter, dead_reason::record_id_conflict, letter.seq);
}

void stream_audit::request(const stored_message& message) {
  ++counts_.requests;
  const auto decoded = decode_entry(message.subject, message.payload, currencies_, rules_.requests);
  const auto* asked = std::get_if<entry>(&decoded);
  const auto content = asked ? fingerprint(asked->account, asked->type, asked->amount) : 0;
  const auto letters = letters_.of(false, message);
  const bool accounted = letters_.is_accounted(false, message);
  for (const auto& letter : letters) {
    letters_.compare(message, letter);
    if (accounted)
      continue; // whoever has replayed or discarded it has seen it
    if (!is_founded(letter, decoded))
      report_unfounded(letter.own, letter.reason, message.seq);
    else if (asked != nullptr && letter.reason == dead_reason::record_id_conflict)
      request_list_.add(to_int(asked->id), {to_int(asked->id), content, message.seq,
                                            message.stored_at_ns, letter.own, false});
  }
  const auto parked = !letters.empty() || accounted;
  const auto settled = !parked && is_settled(message);
  if (asked != nullptr) {
    note_mark(message, asked->id);
    request_list_.add(to_int(asked->id),
                      {to_int(asked->id), content, message.seq, message.stored_at_ns, 0, settled});
  } else if (settled && !is_of_another_service(message.stored_at_ns)
             && !may_be_forgotten(message.stored_at_ns))
    findings_.add(finding_kind::request_unanswered,
                  message_text(names::request_stream, message.seq)
                      + " has no dead letter: " + std::get<rejection>(decoded).detail);
}

// A request that can be read.
void stream_audit::answer(const request_state& request) {
  const auto [begin, end] = rows_of(request.record);
  bool answered = false;
  for (auto row = begin; row != end; ++row)
    if (row->content == request.content) {
      answered = true;
      row->asked_for = true;
      row->settled = row->settled || request.settled;
    }
  if (answered || !request.settled || is_of_another_service(request.stored_at_ns))
    return;
  const auto text =
      message_text(names::request_stream, request.seq) + ": " + record_text(request.record);
  if (begin == end)
    return findings_.add(finding_kind::request_unanswered,
                         text + " has no row, and there is no dead letter");
  for (auto row = begin; row != end; ++row)
    row->asked_for = true; // one finding is enough
  if (!may_be_forgotten(request.stored_at_ns))
    findings_.add(finding_kind::conflict_not_parked,
                  text + " has a row with other content, and there is no dead letter");
}

// Counts it as not proven if so.
bool stream_audit::may_be_forgotten(std::int64_t stored_at_ns) noexcept {
  if (letters_.reaches_back_to(stored_at_ns))
    return false;
  ++counts_.unproven;
  return true;
}

// By the row's own time, whether the results that are held are those from then on.
bool stream_audit::reaches_back_to(std::int64_t created_at_us) const noexcept {
  if (result_stream_.first_seq <= 1)
    return is_younger(created_at_us, result_stream_);
  return first_result_at_ns_ != 0 && created_at_us >= first_result_at_ns_ / 1000 + clock_slack_us;
}

bool stream_audit::must_have_result(const row_state& row) const noexcept {
  if (row.opening && !row.asked_for)
    return false;
  // Its request is held until it is settled, or has come since the audit began.
  const bool may_be_under_way =
      row.asked_for ? !row.settled : row.created_at >= looked_at_us_ - clock_slack_us;
  if (rules_.live && may_be_under_way)
    return false;
  if (!result_stream_.exists)
    return false; // said once, of the stream
  if (rules_.began_at != 0 && row.created_at < rules_.began_at + clock_slack_us)
    return false; // its result may count as older
  return row.id >= first_with_result_;
}

// Only a stream that holds everything from its beginning can say that nobody asked.
bool stream_audit::must_have_request(const row_state& row) const noexcept {
  return !row.opening && request_stream_.exists && request_stream_.first_seq <= 1
         && request_stream_.messages == request_stream_.last_seq && row.id >= first_with_request_;
}

void stream_audit::finish_part() {
  for (const auto& row : rows_)
    if (!row.asked_for && must_have_request(row))
      findings_.add(finding_kind::posting_without_request,
                    record_text(row.record) + " has a row, but no request asks for it");
  for (const auto& row : rows_)
    if (!row.has_result && must_have_result(row))
      findings_.add(finding_kind::posting_without_result,
                    record_text(row.record) + " has a row, but no result");
}

// The mark of another record is not the account side's.
void stream_audit::note_mark(const stored_message& message, record_id record) {
  if (header_of(message, names::account_mark) == std::to_string(to_int(record)))
    marked_list_.add(to_int(record), to_int(record));
}

void stream_audit::match_records(std::vector<std::int64_t> marked, const record_lookup& missing) {
  std::sort(marked.begin(), marked.end());
  marked.erase(std::unique(marked.begin(), marked.end()), marked.end());
  std::erase_if(marked, [this](std::int64_t record) {
    const auto [begin, end] = rows_of(record);
    return begin == end;
  });
  std::vector<record_id> asked;
  for (std::size_t i = 0; i < marked.size(); ++i) {
    asked.push_back(record_id{marked[i]});
    if (asked.size() < lookup_max && i + 1 < marked.size())
      continue;
    for (const auto id : missing(asked))
      findings_.add(finding_kind::posting_without_record,
                    record_text(to_int(id))
                        + " has a row and the account side's mark, but no record");
    asked.clear();
  }
}

void stream_audit::finish(const record_lookup& missing,
                          const std::function<void(std::size_t, std::size_t)>& progress) {
  const auto parts = space_.parts();
  for (std::size_t part = 0; part < parts; ++part) {
    rows_ = row_list_.take(part);
    results_ = result_list_.take(part);
    match();
    release(results_);
    for (const auto& each : request_list_.take(part))
      if (each.conflict_letter != 0)
        check_conflict(each);
      else
        answer(each);
    finish_part();
    if (auto marked = marked_list_.take(part); missing)
      match_records(std::move(marked), missing);
    if (progress)
      progress(part + 1, parts);
  }
  release(rows_);
}

stream_audit::place stream_audit::pause() {
  return {.settled = settled_,
          .first_result_at_ns = first_result_at_ns_,
          .looked_at_us = looked_at_us_,
          .first_with_request = first_with_request_,
          .first_with_result = first_with_result_,
          .results = counts_.results,
          .requests = counts_.requests,
          .unproven = counts_.unproven,
          .openings = counts_.openings,
          .before_import = counts_.before_import,
          .row_bytes = row_list_.flush(),
          .result_bytes = result_list_.flush(),
          .request_bytes = request_list_.flush(),
          .marked_bytes = marked_list_.flush()};
}

void stream_audit::resume(const place& from, std::uint64_t letter_seq) {
  settled_ = from.settled;
  first_result_at_ns_ = from.first_result_at_ns;
  looked_at_us_ = from.looked_at_us;
  first_with_request_ = from.first_with_request;
  first_with_result_ = from.first_with_result;
  counts_ = {from.results, from.requests, from.unproven, from.openings, from.before_import};
  row_list_.restore(from.row_bytes);
  result_list_.restore(from.result_bytes);
  request_list_.restore(from.request_bytes);
  marked_list_.restore(from.marked_bytes);
  letters_.judged_up_to(letter_seq);
}

} // namespace ledgerd
