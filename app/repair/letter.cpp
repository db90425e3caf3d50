#include "app/repair/letter.hpp"

#include <utility>
#include <vector>

#include "app/base/text.hpp"
#include "app/repair/json_members.hpp"
#include "app/repair/letter_groups.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

letter_content content_of(std::string_view payload) {
  letter_content result;
  const auto members = raw_members(payload);
  if (!members)
    return result;
  std::optional<std::string> record;
  const std::pair<std::string_view, std::optional<std::string>*> wanted[] = {
      {"recordId", &record},
      {"userId", &result.user},
      {"currency", &result.currency},
      {"type", &result.type},
      {"amount", &result.amount}};
  for (const auto& each : *members)
    for (const auto& [name, place] : wanted)
      if (each.name == name && !*place)
        *place = scalar_text(each.value);
  if (record)
    if (const auto number = parse_integer(*record, 1, INT64_MAX))
      result.record = record_id{*number};
  return result;
}

std::string_view value_of(const stored_message& message, std::string_view name) {
  for (const auto& each : message.headers)
    if (each.name == name)
      return each.value;
  return {};
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  const auto number = parse_integer(text, 0, INT64_MAX);
  if (!number)
    return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

dead_letter read_letter(stored_message message) {
  const auto header = [&](std::string_view name) { return std::string(value_of(message, name)); };
  dead_letter result;
  result.reason = header("Ledgerd-Reason");
  result.detail = header("Ledgerd-Detail");
  result.stream = header("Ledgerd-Stream");
  result.sequence = header("Ledgerd-Sequence");
  result.subject = header("Ledgerd-Subject");
  result.deliveries = header("Ledgerd-Deliveries");
  result.node = header("Ledgerd-Node");
  result.cause = cause_of(result.reason, result.detail);
  // It stands there also where only headers had to be cut.
  if (const auto full = number_of(value_of(message, "Ledgerd-Truncated"));
      full && *full != message.payload.size())
    result.full_bytes = full;
  result.replay_of = number_of(value_of(message, names::replay_of));
  if (const auto number = parse_integer(value_of(message, names::account_mark), 1, INT64_MAX))
    result.account_record = record_id{*number};
  result.message = std::move(message);
  return result;
}

void read_content(dead_letter& letter) {
  letter.content = content_of(letter.message.payload);
}

void cut_texts(dead_letter& letter) {
  for (auto* each : {&letter.reason, &letter.detail, &letter.stream, &letter.sequence,
                     &letter.subject, &letter.deliveries, &letter.node})
    *each = shorten(*each, shown_text_max);
  auto& content = letter.content;
  for (auto* each : {&content.user, &content.currency, &content.type, &content.amount})
    if (*each)
      *each = shorten(**each, shown_text_max);
  std::vector<header> kept; // those of the daemon are the first
  std::size_t bytes = 0;
  for (const auto& [name, value] : letter.message.headers) {
    header one{shorten(name, shown_text_max), shorten(value, shown_text_max)};
    bytes += one.name.size() + one.value.size();
    if (bytes > shown_headers_max)
      break;
    kept.push_back(std::move(one));
  }
  letter.message.headers = std::move(kept);
}

} // namespace ledgerd
