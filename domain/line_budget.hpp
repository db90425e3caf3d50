// So many lines a second of each of a fixed number of kinds, and the number of those left out.
//
// Pure: no log and no clock of its own. Belongs to one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ledgerd {

class line_budget {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::milliseconds period{1000};

  explicit line_budget(std::size_t kinds) : kinds_(kinds) {}

  // Of this kind there may be `lines` a second. How many of its kind were left out since its last
  // line, when there is to be a line now; nothing when this one is left out, too. Precondition:
  // `kind` is below the number of kinds.
  std::optional<std::uint64_t> admit(std::size_t kind, std::uint32_t lines, time_point now) {
    auto& seen = kinds_[kind];
    if (now - seen.began >= period) {
      seen.began = now;
      seen.written = 0;
    }
    if (seen.written >= lines) {
      ++seen.left_out;
      return std::nullopt;
    }
    ++seen.written;
    return std::exchange(seen.left_out, 0);
  }

  struct silence {
    std::size_t kind = 0;
    std::uint64_t left_out = 0;
  };

  // The kinds of which some were left out and that are not in a flood any more: for a last line.
  // They count as said from now on.
  std::vector<silence> overdue(time_point now) {
    std::vector<silence> result;
    for (std::size_t kind = 0; kind < kinds_.size(); ++kind)
      if (kinds_[kind].left_out > 0 && now - kinds_[kind].began >= period)
        result.push_back({kind, std::exchange(kinds_[kind].left_out, 0)});
    return result;
  }

private:
  struct record {
    time_point began{};
    std::uint32_t written = 0;
    std::uint64_t left_out = 0;
  };

  std::vector<record> kinds_;
};

} // namespace ledgerd
