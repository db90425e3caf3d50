// For how long the broker has answered no request for messages. Only time counts in which one was
// open, the connection was up and this process ran: what is open brings a message or a heartbeat
// every second. What was counted stays while nothing is asked, until something is heard.
//
// Pure; belongs to one thread.
#pragma once

#include <algorithm>
#include <chrono>

namespace ledgerd {

class pull_silence {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // From so long on, one message is asked for even without room: whoever stands still because of
  // the silence has to hear of its end.
  static constexpr std::chrono::milliseconds long_after{4000};

  // Between two looks so much counts at most: longer, and the process was stopped.
  static constexpr std::chrono::milliseconds look_max{500};

  void look(bool heard, bool waiting, time_point now) {
    if (heard)
      silent_ = {};
    else if (waiting)
      silent_ += std::min<std::chrono::nanoseconds>(now - last_look_, look_max);
    last_look_ = now;
  }

  std::chrono::milliseconds since() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(silent_);
  }
  bool is_long() const { return silent_ >= long_after; }

private:
  time_point last_look_{};
  std::chrono::nanoseconds silent_{};
};

} // namespace ledgerd
