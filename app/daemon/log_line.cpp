#include "app/daemon/log_line.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <variant>

#include "actors/common/log_line_parts.hpp"
#include "app/base/text.hpp"

namespace ledgerd {

namespace {

std::string format_json(const log_line& line, std::string_view level) {
  nlohmann::ordered_json object{
      {"time", format_time(line.microseconds_since_epoch)}, {"level", level}, {"node", line.node}};
  if (!line.event.empty())
    object["event"] = line.event;
  object["message"] = escape_controls(line.sentence);
  for (const auto& field : read_log_fields(line.fields)) {
    auto& place = object[std::string{field.name}];
    if (const auto* text = std::get_if<std::string_view>(&field.value))
      place = escape_controls(*text);
    else
      std::visit([&](const auto& value) { place = value; }, field.value);
  }
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

} // namespace

std::string format_log_line(log_format style, const log_line& line) {
  const auto level = line.level == "warning" ? std::string_view{"warn"} : line.level;
  if (style == log_format::json)
    return format_json(line, level);
  constexpr std::size_t level_width = 5;
  std::string padded{level};
  padded.resize(std::max(padded.size(), level_width), ' ');
  auto text = format_time(line.microseconds_since_epoch) + " " + padded + " "
              + escape_controls(line.sentence);
  if (!line.event.empty())
    text += " [" + std::string{line.event} + "]";
  return text + "\n";
}

} // namespace ledgerd
