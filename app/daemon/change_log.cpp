#include "app/daemon/change_log.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <spdlog/sinks/base_sink.h>
#include <string>

namespace ledgerd {

namespace {

// Lines of the level info that tell of a change begin with these words; what kind of change it is
// stands beside them.
struct beginning {
  std::string_view words;
  std::string_view what;
};
constexpr std::array<beginning, 8> of_the_nodes_life{{{"cluster: ", "cluster"},
                                                      {"broker: ", "broker"},
                                                      {"peer ", "peer"},
                                                      {"told to stop", "draining"},
                                                      {"drained in ", "draining"},
                                                      {"made ", "streams"},
                                                      {"applied migration ", "schema"},
                                                      {"new currency ", "currency"}}};
constexpr std::string_view started = " is running with the roles ";
constexpr std::string_view dump = "dump: "; // every number of every actor

// The word before a line's first colon, which says who speaks.
std::string speaker_of(std::string_view message) {
  const auto word = message.substr(0, message.find(':'));
  const bool is_word = word.size() < message.size() && word.size() <= 20
                       && word.find_first_of(" \t") == std::string_view::npos;
  return is_word ? std::string{word} : "node";
}

std::optional<std::string> kind_of(std::string_view level, std::string_view message) {
  if (message.starts_with(dump))
    return std::nullopt;
  for (const auto& each : of_the_nodes_life)
    if (message.starts_with(each.words))
      return std::string{each.what};
  if (message.find(started) != std::string_view::npos)
    return "started";
  return level == "info" ? std::nullopt : std::optional{speaker_of(message)};
}

struct kept_changes {
  std::mutex mutex;
  std::weak_ptr<change_board> board;
};

kept_changes& kept() {
  static kept_changes all;
  return all;
}

class change_sink final : public spdlog::sinks::base_sink<std::mutex> {
protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const auto level = spdlog::level::to_string_view(message.level);
    const auto at =
        std::chrono::duration_cast<std::chrono::microseconds>(message.time.time_since_epoch());
    auto change = change_of({level.data(), level.size()},
                            {message.payload.data(), message.payload.size()}, at.count());
    if (!change)
      return;
    const std::lock_guard lock{kept().mutex};
    if (const auto board = kept().board.lock())
      board->note(*std::move(change));
  }

  void flush_() override {}
};

} // namespace

std::optional<node_change> change_of(std::string_view level, std::string_view message,
                                     std::int64_t at_us) {
  const bool serious = level == "warning" || level == "error" || level == "critical";
  if (!serious && level != "info")
    return std::nullopt;
  auto what = kind_of(level, message);
  if (!what)
    return std::nullopt;
  return node_change{at_us,
                     level == "info"      ? "info"
                     : level == "warning" ? "warn"
                                          : "error",
                     *std::move(what), std::string{message}};
}

spdlog::sink_ptr make_change_sink() {
  return std::make_shared<change_sink>();
}

void keep_changes(const std::shared_ptr<change_board>& on) {
  const std::lock_guard lock{kept().mutex};
  kept().board = on;
}

} // namespace ledgerd
