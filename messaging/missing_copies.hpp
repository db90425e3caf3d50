// Which copies of a stream have been weak for long enough to be missed: one that is a moment
// behind, while much comes, is none. Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ledgerd {

class missing_copies {
public:
  using time_point = std::chrono::steady_clock::time_point;

  enum class change : std::uint8_t {
    none,
    fewer, // another one is missed
    whole  // none is any more
  };

  // `weak`: the servers of those that are weak now, as `stream_state` tells them.
  change look(const std::vector<std::string>& weak, time_point now,
              std::chrono::milliseconds patience) {
    const bool unseen = now - std::exchange(last_look_, now) > look_pause_max;
    std::erase_if(since_, [&](const auto& each) {
      return std::find(weak.begin(), weak.end(), each.first) == weak.end()
             || (unseen
                 && std::find(missing_.begin(), missing_.end(), each.first) == missing_.end());
    });
    std::vector<std::string> missing;
    for (const auto& each : weak)
      if (now - since_.try_emplace(each, now).first->second >= patience)
        missing.push_back(each);
    const auto before = std::exchange(missing_, std::move(missing));
    const bool more = std::any_of(missing_.begin(), missing_.end(), [&](const auto& each) {
      return std::count(missing_.begin(), missing_.end(), each)
             > std::count(before.begin(), before.end(), each);
    });
    return more                                  ? change::fewer
           : missing_.empty() && !before.empty() ? change::whole
                                                 : change::none;
  }

  std::size_t count() const noexcept { return missing_.size(); }

  // The servers of those that are missed.
  std::string text() const {
    std::string result;
    for (const auto& each : missing_)
      result.append(result.empty() ? "" : ", ").append(each);
    return result;
  }

private:
  // Longer, and nobody knows what was between two looks.
  static constexpr std::chrono::seconds look_pause_max{5};

  time_point last_look_{};
  std::map<std::string, time_point> since_;
  std::vector<std::string> missing_;
};

} // namespace ledgerd
