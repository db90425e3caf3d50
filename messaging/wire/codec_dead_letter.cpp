// Dead letters out.
#include <algorithm>
#include <functional>
#include <utility>

#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "messaging/wire/header_block.hpp"
#include "messaging/wire/header_text.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t detail_bytes_max = 512;

// "NATS/1.0" and the empty line at the end, each with its line break.
constexpr std::size_t header_frame_bytes = 8 + 2 + 2;

// ": " and the line break.
constexpr std::size_t header_line_bytes = 2 + 2;

// What a stream takes as headers of one message, with something to spare: 64 KiB.
constexpr std::size_t header_bytes_max = 60 * 1024;

// How many headers of the original a letter has: whoever reads it keeps `headers_kept_max` in all,
// of which ours are a few.
constexpr std::size_t foreign_headers_max = 200;
static_assert(foreign_headers_max + 20 < headers_kept_max);

constexpr std::string_view own_prefix = "Ledgerd-";
constexpr std::string_view message_id_header = "Nats-Msg-Id";
constexpr std::string_view truncated_header = "Ledgerd-Truncated";

bool has_prefix(std::string_view name, std::string_view prefix) noexcept {
  return same_name(name.substr(0, prefix.size()), prefix);
}

std::size_t line_bytes(std::string_view name, std::string_view value) noexcept {
  return name.size() + value.size() + header_line_bytes;
}

std::size_t header_bytes(const outgoing& message) noexcept {
  auto result = header_frame_bytes + line_bytes(message_id_header, message.message_id);
  for (const auto& h : message.headers)
    result += line_bytes(h.name, h.value);
  return result;
}

// At most `detail_bytes_max` bytes, cut between characters.
std::string short_detail(std::string_view detail) {
  constexpr std::string_view mark = "...";
  if (detail.size() <= detail_bytes_max)
    return without_breaks(detail);
  auto size = detail_bytes_max - mark.size();
  while (size > 0 && (static_cast<unsigned char>(detail[size]) & 0xc0U) == 0x80U)
    --size;
  return without_breaks(detail.substr(0, size)).append(mark);
}

std::string dead_letter_subject(std::string_view source_subject) {
  const auto token = source_subject.substr(source_subject.rfind('.') + 1); // npos + 1 is 0
  return std::string(names::dead_letter_prefix).append(token.empty() ? "unknown" : token);
}

std::size_t message_bytes(const outgoing& message) noexcept {
  return header_bytes(message) + message.payload.size();
}

bool is_own(const header& one) noexcept {
  return has_prefix(one.name, own_prefix);
}

std::size_t foreign_count(const outgoing& message) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(message.headers, std::not_fn(is_own)));
}

// Cuts the payload, and if the headers alone are too many the original's headers from the last on,
// until all fits. Our own headers stay; they are the first.
void fit(outgoing& message, std::size_t message_bytes_max) {
  const auto foreign_before = foreign_count(message);
  if (message_bytes(message) <= message_bytes_max && header_bytes(message) <= header_bytes_max
      && foreign_before <= foreign_headers_max)
    return;
  const auto foreign = std::find_if_not(message.headers.begin(), message.headers.end(), is_own);
  const auto marked = std::find_if(message.headers.begin(), foreign,
                                   [](const header& one) { return one.name == truncated_header; });
  if (marked == foreign)
    message.headers.insert(foreign,
                           {std::string(truncated_header), std::to_string(message.payload.size())});
  if (foreign_before > foreign_headers_max)
    message.headers.resize(message.headers.size() - (foreign_before - foreign_headers_max));
  while (!is_own(message.headers.back())
         && header_bytes(message) > std::min(message_bytes_max, header_bytes_max))
    message.headers.pop_back();
  const auto used = header_bytes(message);
  const auto room = message_bytes_max > used ? message_bytes_max - used : 0;
  if (message.payload.size() > room) {
    message.payload.resize(room);
    message.payload.shrink_to_fit();
  }
}

bool drop_trace(outgoing& result) {
  return std::erase_if(result.headers,
                       [](const header& one) {
                         return same_name(one.name, "traceparent")
                                || same_name(one.name, "tracestate");
                       })
         > 0;
}

} // namespace

outgoing make_dead_letter(std::uint64_t token, delivery&& source, const rejection& why,
                          std::string_view node_name, std::size_t message_bytes_max) {
  const auto sequence = std::to_string(source.stream_seq);
  // The message of a stream that is gone is told apart by its own time.
  const auto life =
      std::to_string(source.incarnation != 0 ? source.incarnation : source.stored_at_ns);
  outgoing result{.token = token,
                  .subject = dead_letter_subject(source.subject),
                  .message_id = "dead-" + source.stream + "-" + life + "-" + sequence,
                  .payload = std::move(source.payload),
                  .headers = {},
                  .stream = names::dead_letter_stream};
  source.payload.clear();
  result.headers = {
      {"Ledgerd-Reason", std::string(to_text(why.reason))},
      {"Ledgerd-Detail", short_detail(why.detail)},
      {"Ledgerd-Stream", source.stream},
      {"Ledgerd-Sequence", sequence},
      {"Ledgerd-Subject", source.subject},
      {"Ledgerd-Deliveries", std::to_string(source.deliveries)},
      {"Ledgerd-Node", without_breaks(node_name)},
  };
  if (const auto mark = find_header(source.headers, names::account_mark); !mark.empty())
    result.headers.push_back({std::string(names::account_mark), short_detail(mark)});
  if (const auto letter = find_header(source.headers, names::replay_of); !letter.empty())
    result.headers.push_back({std::string(names::replay_of), short_detail(letter)});
  if (source.incarnation != 0)
    result.headers.push_back({"Ledgerd-Incarnation", life});
  // A message that was parked before and sent again may carry the old reasons: only the present
  // ones count.
  for (auto& h : std::exchange(source.headers, {}))
    if (!has_prefix(h.name, "Nats-") && !is_own(h) && !h.value.empty())
      result.headers.push_back({std::move(h.name), without_breaks(h.value)});
  fit(result, message_bytes_max);
  return result;
}

bool shrink_letter(outgoing& letter, std::size_t message_bytes_max) {
  if (!letter.subject.starts_with(names::dead_letter_prefix))
    return drop_trace(letter);
  const auto before = message_bytes(letter);
  fit(letter, message_bytes_max > 0 && message_bytes_max < before ? message_bytes_max : before / 2);
  return message_bytes(letter) < before;
}

} // namespace ledgerd
