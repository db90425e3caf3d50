// Keeps a log readable when one thing happens thousands of times a second: one line for each kind
// and second, with the number of those that were left out.
//
// Pure: no log and no clock of its own. Belongs to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

class log_throttle {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // Kinds that are told apart; those beyond share one. Bounds the memory, and the lines a second,
  // whatever kinds a hostile sender invents.
  static constexpr std::size_t kinds_max = 32;

  explicit log_throttle(std::chrono::milliseconds pause = std::chrono::seconds{1});

  // Something of this kind has happened. How many of its kind were left out since its last line,
  // when there is to be a line now; nothing when this one is left out, too.
  std::optional<std::uint64_t> admit(std::string_view kind, time_point now);

  struct silence {
    std::string kind;
    std::uint64_t left_out = 0;
  };

  // The kinds of which some were left out and none has had a line for longer than the pause: for a
  // last line when a flood has ended. They count as said from now on.
  std::vector<silence> overdue(time_point now);

private:
  struct record {
    time_point last_line;
    std::uint64_t left_out = 0;
  };

  std::chrono::milliseconds pause_;
  std::map<std::string, record, std::less<>> kinds_;
};

// " (3 more like this were left out)", or nothing for none.
std::string left_out_text(std::uint64_t count);

} // namespace ledgerd
