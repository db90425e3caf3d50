// Dead letters out.
#include <utility>

#include "messaging/codec.hpp"
#include "messaging/header_text.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t detail_bytes_max = 512;

// "NATS/1.0" and the empty line at the end, each with its line break.
constexpr std::size_t header_frame_bytes = 8 + 2 + 2;

// ": " and the line break.
constexpr std::size_t header_line_bytes = 2 + 2;

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

// Cuts the payload, and if the headers alone are too many the original's headers from the last on,
// until all fits. `own` is the number of headers that must stay; they are the first.
void fit(outgoing& message, std::size_t own, std::size_t message_bytes_max) {
  if (header_bytes(message) + message.payload.size() <= message_bytes_max)
    return;
  const auto position = message.headers.begin() + static_cast<std::ptrdiff_t>(own);
  message.headers.insert(position,
                         {std::string(truncated_header), std::to_string(message.payload.size())});
  while (message.headers.size() > own + 1 && header_bytes(message) > message_bytes_max)
    message.headers.pop_back();
  const auto used = header_bytes(message);
  const auto room = message_bytes_max > used ? message_bytes_max - used : 0;
  if (message.payload.size() > room)
    message.payload.resize(room);
}

} // namespace

outgoing make_dead_letter(std::uint64_t token, const delivery& source, const rejection& why,
                          std::string_view node_name, std::size_t message_bytes_max) {
  const auto sequence = std::to_string(source.stream_seq);
  // The message of a stream that is gone is told apart by its own time.
  const auto life =
      std::to_string(source.incarnation != 0 ? source.incarnation : source.stored_at_ns);
  outgoing result{.token = token,
                  .subject = dead_letter_subject(source.subject),
                  .message_id = "dead-" + source.stream + "-" + life + "-" + sequence,
                  .payload = source.payload};
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
  if (source.incarnation != 0)
    result.headers.push_back({"Ledgerd-Incarnation", life});
  const auto own = result.headers.size();
  // A message that was parked before and sent again may carry the old reasons: only the present
  // ones count.
  for (const auto& h : source.headers)
    if (!has_prefix(h.name, "Nats-") && !has_prefix(h.name, "Ledgerd-"))
      result.headers.push_back({h.name, without_breaks(h.value)});
  fit(result, own, message_bytes_max);
  return result;
}

} // namespace ledgerd
