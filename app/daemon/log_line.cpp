#include "app/daemon/log_line.hpp"

#include <nlohmann/json.hpp>

#include "app/base/text.hpp"

namespace ledgerd {

std::string format_log_line(log_format style, std::int64_t microseconds_since_epoch,
                            std::string_view level, std::string_view node,
                            std::string_view message) {
  const auto time = format_time(microseconds_since_epoch);
  if (level == "warning")
    level = "warn";
  if (style == log_format::json) {
    const nlohmann::ordered_json line{
        {"time", time}, {"level", level}, {"node", node}, {"message", escape_controls(message)}};
    return line.dump() + "\n";
  }
  constexpr std::size_t level_width = 5;
  std::string padded{level};
  padded.resize(std::max(padded.size(), level_width), ' ');
  return time + " " + padded + " " + escape_controls(message) + "\n";
}

} // namespace ledgerd
