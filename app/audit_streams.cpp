#include "app/audit_streams.hpp"

#include <algorithm>
#include <charconv>
#include <functional>

#include "domain/assert.hpp"
#include "messaging/json_reader.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

// How far the clocks of broker and database may be apart.
constexpr std::int64_t clock_slack_us = 60'000'000;

constexpr dead_reason all_reasons[] = {
    dead_reason::malformed_json,     dead_reason::too_large,          dead_reason::invalid_field,
    dead_reason::record_id_conflict, dead_reason::attempts_exhausted, dead_reason::unknown_record};

constexpr std::string_view currency_fault = "field \"currency\"";

// Nothing when the header is missing.
std::optional<std::string_view> header_of(const stored_message& message, std::string_view name) {
  for (const auto& h : message.headers)
    if (h.name == name)
      return h.value;
  return std::nullopt;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) noexcept {
  Number result{};
  const auto read = std::from_chars(text.data(), text.data() + text.size(), result);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size())
    return std::nullopt;
  return result;
}

std::optional<dead_reason> parse_dead_reason(std::string_view text) noexcept {
  for (const auto reason : all_reasons)
    if (text == to_text(reason))
      return reason;
  return std::nullopt;
}

std::optional<std::int64_t> record_of_result(std::string_view payload) {
  std::optional<std::int64_t> result;
  const auto fault =
      read_json_object(payload, json_depth_max, [&result](const json_member& member) {
        if (member.name == "recordId" && member.kind == json_kind::number)
          result = parse_number<std::int64_t>(member.text);
      });
  return fault ? std::nullopt : result;
}

// A stream that was made anew knows nothing of what came before.
bool is_younger(std::int64_t created_at_us, const stream_state& stream) noexcept {
  return created_at_us >= stream.created_at_ns / 1000;
}

std::string message_text(std::string_view stream, std::uint64_t seq) {
  return "message " + std::to_string(seq) + " of " + std::string(stream);
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

digest digest_of(std::string_view subject, std::string_view payload) noexcept {
  std::uint64_t fnv = 0xcbf29ce484222325U;
  for (const auto part : {subject, payload})
    for (const char byte : part) {
      fnv ^= static_cast<unsigned char>(byte);
      fnv *= 0x100000001b3U;
    }
  const std::hash<std::string_view> hash;
  return {hash(payload) ^ (hash(subject) << 1U), fnv};
}

void stream_audit::consumers(const consumer_state& deposits, const consumer_state& withdrawals) {
  deposits_settled_ = settled_up_to(deposits);
  withdrawals_settled_ = settled_up_to(withdrawals);
}

void stream_audit::streams(const stream_state& requests, const stream_state& results,
                           const stream_state& dead_letters) {
  request_stream_ = requests;
  result_stream_ = results;
  letter_stream_ = dead_letters;
}

void stream_audit::dead_letter(const stored_message& message) {
  ++dead_letter_count_;
  const auto malformed = [&](std::string_view what) {
    findings_.add(finding_kind::dead_letter_malformed,
                  message_text(names::dead_letter_stream, message.seq) + ": " + std::string(what));
  };
  const auto reason = header_of(message, "Ledgerd-Reason");
  const auto detail = header_of(message, "Ledgerd-Detail");
  const auto stream = header_of(message, "Ledgerd-Stream");
  const auto sequence = header_of(message, "Ledgerd-Sequence");
  const auto subject = header_of(message, "Ledgerd-Subject");
  if (!reason || !detail || !stream || !sequence || !subject
      || !header_of(message, "Ledgerd-Deliveries") || !header_of(message, "Ledgerd-Node"))
    return malformed("a header of the contract is missing");
  const auto known_reason = parse_dead_reason(*reason);
  if (!known_reason)
    return malformed("Ledgerd-Reason is none of the contract's");
  if (detail->empty())
    return malformed("Ledgerd-Detail is empty");
  const auto original = parse_number<std::uint64_t>(*sequence);
  if (!original)
    return malformed("Ledgerd-Sequence is not a number");
  if (header_of(message, "Nats-Msg-Id")
      != "dead-" + std::string(*stream) + "-" + std::string(*sequence))
    return malformed("Nats-Msg-Id does not name the original");
  auto full_bytes = message.payload.size();
  if (const auto truncated = header_of(message, "Ledgerd-Truncated")) {
    const auto size = parse_number<std::size_t>(*truncated);
    if (!size || *size < message.payload.size())
      return malformed("Ledgerd-Truncated is not the full length");
    full_bytes = *size;
  }
  if (*stream != names::request_stream && *stream != names::result_stream)
    return;
  letters_.push_back({.from_results = *stream == names::result_stream,
                      .original = *original,
                      .own = message.seq,
                      .reason = *known_reason,
                      .blames_currency = detail->starts_with(currency_fault),
                      .payload = digest_of(*subject, message.payload),
                      .kept_bytes = message.payload.size(),
                      .full_bytes = full_bytes});
}

stream_audit::letter_range stream_audit::letters_of(bool from_results, std::uint64_t original) {
  if (!letters_sorted_) {
    std::sort(letters_.begin(), letters_.end(),
              [](const auto& x, const auto& y) { return x.key() < y.key(); });
    letters_sorted_ = true;
  }
  const std::pair wanted{from_results, original};
  const auto before = [](const auto& letter, const auto& key) { return letter.key() < key; };
  const auto begin = std::lower_bound(letters_.cbegin(), letters_.cend(), wanted, before);
  const auto end = std::find_if(begin, letters_.cend(),
                                [&](const auto& letter) { return letter.key() != wanted; });
  return {begin, end};
}

void stream_audit::compare_with_letter(const stored_message& original, const letter_state& letter) {
  const auto kept = std::string_view(original.payload).substr(0, letter.kept_bytes);
  if (letter.full_bytes == original.payload.size()
      && digest_of(original.subject, kept) == letter.payload)
    return;
  findings_.add(
      finding_kind::dead_letter_differs,
      message_text(names::dead_letter_stream, letter.own) + ": subject or payload is not that of "
          + message_text(letter.from_results ? names::result_stream : names::request_stream,
                         original.seq));
}

void stream_audit::result(const stored_message& message) {
  if (first_result_at_ns_ == 0)
    first_result_at_ns_ = message.stored_at_ns;
  const auto [begin, end] = letters_of(true, message.seq);
  for (auto letter = begin; letter != end; ++letter)
    compare_with_letter(message, *letter);
  const auto record = record_of_result(message.payload);
  if (!record)
    return findings_.add(finding_kind::result_malformed,
                         message_text(names::result_stream, message.seq)
                             + ": there is no recordId in it");
  if (header_of(message, "Nats-Msg-Id") != result_message_id(record_id{*record}))
    return findings_.add(finding_kind::result_malformed,
                         message_text(names::result_stream, message.seq)
                             + ": Nats-Msg-Id does not name its record");
  results_.push_back({*record, digest_of(message.subject, message.payload)});
}

void stream_audit::row(const posting& row) {
  digest expected;
  if (const auto exponent = currencies_.exponent(row.account.currency))
    expected = digest_of(result_subject(row.type), encode_result(row, *exponent));
  else
    findings_.add(finding_kind::unknown_currency, record_text(to_int(row.record)) + " is in "
                                                      + std::string(row.account.currency.text())
                                                      + ", which ledger.currencies does not know");
  rows_.push_back({.record = to_int(row.record),
                   .content = fingerprint(row.account, row.type, row.amount),
                   .result = expected,
                   .created_at = to_int(row.created_at)});
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
  return request.seq
         <= (request.subject == names::deposit_subject ? deposits_settled_ : withdrawals_settled_);
}

// Whether the letter's reason is true of its original. Attempts can be exhausted by anything.
bool stream_audit::is_founded(const letter_state& letter,
                              const std::variant<entry, rejection>& decoded) {
  if (const auto* why = std::get_if<rejection>(&decoded))
    return letter.reason == why->reason || letter.reason == dead_reason::attempts_exhausted;
  switch (letter.reason) {
  case dead_reason::attempts_exhausted:
    return true;
  case dead_reason::invalid_field:
    return letter.blames_currency; // which may have been unknown then
  case dead_reason::record_id_conflict: {
    const auto& asked = std::get<entry>(decoded);
    const auto content = fingerprint(asked.account, asked.type, asked.amount);
    const auto [begin, end] = rows_of(to_int(asked.id));
    return begin != end
           && std::none_of(begin, end, [&](const auto& row) { return row.content == content; });
  }
  default:
    return false;
  }
}

void stream_audit::request(const stored_message& message) {
  ++requests_;
  const auto decoded =
      decode_entry(message.subject, message.payload, currencies_, rules_.default_currency);
  const auto [begin, end] = letters_of(false, message.seq);
  for (auto letter = begin; letter != end; ++letter) {
    compare_with_letter(message, *letter);
    if (!is_founded(*letter, decoded))
      findings_.add(finding_kind::dead_letter_unfounded,
                    message_text(names::dead_letter_stream, letter->own) + " says "
                        + std::string(to_text(letter->reason)) + ", which is not true of "
                        + message_text(names::request_stream, message.seq));
  }
  const auto parked = begin != end;
  if (const auto* asked = std::get_if<entry>(&decoded))
    answer(message, *asked, parked);
  else if (!parked && is_settled(message))
    unanswered(message, std::get<rejection>(decoded).detail);
}

// A request that can be read.
void stream_audit::answer(const stored_message& request, const entry& asked, bool parked) {
  const auto settled = !parked && is_settled(request);
  const auto content = fingerprint(asked.account, asked.type, asked.amount);
  const auto [begin, end] = rows_of(to_int(asked.id));
  bool answered = false;
  for (auto row = begin; row != end; ++row)
    if (row->content == content) {
      answered = true;
      row->asked_for = true;
      row->settled = row->settled || settled;
    }
  if (answered || !settled)
    return;
  if (begin == end)
    return unanswered(request, record_text(to_int(asked.id)) + " has no row");
  findings_.add(finding_kind::conflict_not_parked,
                message_text(names::request_stream, request.seq) + ": "
                    + record_text(to_int(asked.id))
                    + " has a row with other content, and there is no dead letter");
  for (auto row = begin; row != end; ++row)
    row->asked_for = true; // one finding is enough
}

void stream_audit::unanswered(const stored_message& request, const std::string& why) {
  unanswered_.push_back(message_text(names::request_stream, request.seq)
                        + " has no dead letter: " + why);
}

bool stream_audit::must_have_result(const row_state& row) const noexcept {
  if (rules_.live && !row.settled)
    return false;
  if (!result_stream_.exists)
    return false; // said once, of the stream
  if (result_stream_.first_seq <= 1)
    return is_younger(row.created_at, result_stream_);
  return first_result_at_ns_ != 0 && row.created_at >= first_result_at_ns_ / 1000 + clock_slack_us;
}

// Only a stream that holds everything from its beginning can say that nobody asked.
bool stream_audit::must_have_request(const row_state& row) const noexcept {
  return request_stream_.exists && request_stream_.first_seq <= 1
         && request_stream_.messages == request_stream_.last_seq
         && is_younger(row.created_at, request_stream_);
}

void stream_audit::finish() {
  for (const auto& row : rows_)
    if (!row.asked_for && must_have_request(row))
      findings_.add(finding_kind::posting_without_request,
                    record_text(row.record) + " has a row, but no request asks for it");
  for (const auto& row : rows_)
    if (!row.has_result && must_have_result(row))
      findings_.add(finding_kind::posting_without_result,
                    record_text(row.record) + " has a row, but no result");
  const auto gone =
      letter_stream_.last_seq - std::min(letter_stream_.last_seq, letter_stream_.messages);
  if (unanswered_.size() <= gone)
    unproven_ = unanswered_.size();
  else
    for (auto& detail : unanswered_)
      findings_.add(finding_kind::request_unanswered, std::move(detail));
}

} // namespace ledgerd
