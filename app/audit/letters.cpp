#include "app/audit/letters.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include "messaging/names.hpp"

namespace ledgerd {

namespace {

constexpr dead_reason all_reasons[] = {
    dead_reason::malformed_json,     dead_reason::too_large,          dead_reason::invalid_field,
    dead_reason::record_id_conflict, dead_reason::attempts_exhausted, dead_reason::unknown_record,
    dead_reason::contrary_verdict};

constexpr std::string_view currency_fault = "field \"currency\"";

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

// What a message id says of the life of the original's stream: nothing at all when it names another
// message, an empty inner value when it does not say (written before ids did).
std::optional<std::optional<std::int64_t>>
incarnation_of(std::string_view id, std::string_view stream, std::string_view sequence) {
  const auto begin = std::string("dead-").append(stream).append("-");
  if (!id.starts_with(begin))
    return std::nullopt;
  id.remove_prefix(begin.size());
  if (id == sequence)
    return std::optional<std::int64_t>{};
  const auto end = std::string("-").append(sequence);
  if (!id.ends_with(end))
    return std::nullopt;
  const auto number = parse_number<std::int64_t>(id.substr(0, id.size() - end.size()));
  if (!number)
    return std::nullopt;
  return std::optional<std::optional<std::int64_t>>{number};
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

std::optional<std::string_view> header_of(const stored_message& message, std::string_view name) {
  for (const auto& h : message.headers)
    if (h.name == name)
      return h.value;
  return std::nullopt;
}

std::string message_text(std::string_view stream, std::uint64_t seq) {
  return "message " + std::to_string(seq) + " of " + std::string(stream);
}

void letter_book::streams(const stream_state& requests, const stream_state& results,
                          const stream_state& letters) {
  request_stream_ = requests;
  result_stream_ = results;
  letter_stream_ = letters;
}

std::optional<std::optional<letter_book::original>>
letter_book::original_of(const stored_message& letter) const {
  const auto stream = header_of(letter, "Ledgerd-Stream").value_or("");
  const auto sequence = header_of(letter, "Ledgerd-Sequence").value_or("");
  const auto seq = parse_number<std::uint64_t>(sequence);
  const auto life = incarnation_of(header_of(letter, "Nats-Msg-Id").value_or(""), stream, sequence);
  if (!seq || !life)
    return std::nullopt;
  const bool from_results = stream == names::result_stream;
  if (!from_results && stream != names::request_stream)
    return std::optional<original>{};
  const auto& source = from_results ? result_stream_ : request_stream_;
  // Who could not know of which life a message is has named the letter by the message's own time.
  if (*life)
    return std::optional<original>{
        {from_results, *seq, **life == source.created_at_ns ? 0 : **life}};
  // An id of old says nothing; what was parked before the stream was made is not of it.
  return letter.stored_at_ns >= source.created_at_ns
             ? std::optional<original>{{from_results, *seq, 0}}
             : std::optional<original>{};
}

std::optional<std::string> letter_book::fault_of(const stored_message& message) const {
  for (const auto* name : {"Ledgerd-Reason", "Ledgerd-Detail", "Ledgerd-Stream", "Ledgerd-Sequence",
                           "Ledgerd-Subject", "Ledgerd-Deliveries", "Ledgerd-Node"})
    if (!header_of(message, name))
      return "a header of the contract is missing";
  if (!parse_dead_reason(*header_of(message, "Ledgerd-Reason")))
    return "Ledgerd-Reason is none of the contract's";
  if (header_of(message, "Ledgerd-Detail")->empty())
    return "Ledgerd-Detail is empty";
  if (!parse_number<std::uint64_t>(*header_of(message, "Ledgerd-Sequence")))
    return "Ledgerd-Sequence is not a number";
  if (!original_of(message))
    return "Nats-Msg-Id does not name the original";
  if (const auto truncated = header_of(message, "Ledgerd-Truncated")) {
    const auto size = parse_number<std::size_t>(*truncated);
    if (!size || *size < message.payload.size())
      return "Ledgerd-Truncated is not the full length";
  }
  return std::nullopt;
}

void letter_book::find(finding_kind kind, const stored_message& letter, const std::string& detail) {
  if (letter.seq > judged_up_to_)
    findings_.add(kind, message_text(names::dead_letter_stream, letter.seq) + ": " + detail);
}

void letter_book::dead_letter(const stored_message& message) {
  ++count_;
  if (first_letter_at_ns_ == 0)
    first_letter_at_ns_ = message.stored_at_ns;
  if (const auto fault = fault_of(message)) {
    find(finding_kind::dead_letter_malformed, message, *fault);
    return;
  }
  const auto reason = *parse_dead_reason(*header_of(message, "Ledgerd-Reason"));
  if (reason == dead_reason::contrary_verdict)
    find(finding_kind::contrary_verdict, message,
         std::string(*header_of(message, "Ledgerd-Detail")));
  const auto of = *original_of(message);
  if (!of)
    return;
  const auto truncated = header_of(message, "Ledgerd-Truncated");
  letters_.push_back(
      {.of = *of,
       .own = message.seq,
       .reason = reason,
       .blames_currency = header_of(message, "Ledgerd-Detail")->starts_with(currency_fault),
       .payload = digest_of(*header_of(message, "Ledgerd-Subject"), message.payload),
       .kept_bytes = message.payload.size(),
       .full_bytes = truncated ? *parse_number<std::size_t>(*truncated) : message.payload.size()});
}

void letter_book::action(const stored_message& message) {
  if (message.subject != names::discard_subject && message.subject != names::replay_subject)
    return;
  auto letter = message;
  const auto id = std::find_if(letter.headers.begin(), letter.headers.end(),
                               [](const auto& h) { return h.name == "Nats-Msg-Id"; });
  // The entry's own id ends with the letter's: discard-dead-..., replay-7-1764000000000-dead-...
  if (id != letter.headers.end())
    if (const auto begin = id->value.find("dead-"); begin != std::string::npos)
      id->value.erase(0, begin);
  if (const auto of = original_of(letter); of && *of)
    accounted_.insert(**of);
}

std::vector<letter_book::parked_letter> letter_book::of(bool from_results,
                                                        const stored_message& message) {
  if (!std::exchange(sorted_, true))
    std::sort(letters_.begin(), letters_.end(),
              [](const auto& x, const auto& y) { return x.of < y.of; });
  std::vector<parked_letter> result;
  auto each =
      std::lower_bound(letters_.cbegin(), letters_.cend(), original{from_results, message.seq, 0},
                       [](const auto& letter, const auto& key) { return letter.of < key; });
  for (; each != letters_.cend() && each->of.from_results == from_results
         && each->of.seq == message.seq;
       ++each)
    if (each->of.stored_at_ns == 0 || each->of.stored_at_ns == message.stored_at_ns)
      result.push_back(*each);
  return result;
}

bool letter_book::is_accounted(bool from_results, const stored_message& message) const {
  return accounted_.contains({from_results, message.seq, 0})
         || accounted_.contains({from_results, message.seq, message.stored_at_ns});
}

bool letter_book::reaches_back_to(std::int64_t stored_at_ns) const noexcept {
  if (!letter_stream_.exists || stored_at_ns < letter_stream_.created_at_ns)
    return false;
  return !letter_stream_.limited || letter_stream_.first_seq <= 1
         || (first_letter_at_ns_ != 0 && stored_at_ns >= first_letter_at_ns_);
}

void letter_book::compare(const stored_message& with, const parked_letter& parked) {
  const auto kept = std::string_view(with.payload).substr(0, parked.kept_bytes);
  if (parked.full_bytes == with.payload.size() && digest_of(with.subject, kept) == parked.payload)
    return;
  findings_.add(
      finding_kind::dead_letter_differs,
      message_text(names::dead_letter_stream, parked.own) + ": subject or payload is not that of "
          + message_text(parked.of.from_results ? names::result_stream : names::request_stream,
                         with.seq));
}

} // namespace ledgerd
