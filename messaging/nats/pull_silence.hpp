// For how long the broker has answered no request for messages. Only time counts in which one was
// open, the connection was up and this process ran: what is open brings a message or a heartbeat
// every second. What was counted stays while nothing is asked, until something is heard.
//
// The stream is asked meanwhile: does it answer, then it is this consumer that is silent, and not
// the broker or the way to it.
//
// Pure; belongs to one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace ledgerd {

class pull_silence {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // From so long on, one message is asked for even without room: whoever stands still because of
  // the silence has to hear of its end.
  static constexpr std::chrono::milliseconds long_after{4000};

  // Between two looks so much counts at most: longer, and the process was stopped.
  static constexpr std::chrono::milliseconds look_max{500};

  // The stream is asked once in `ask_pause` after so long, and an answer counts for a while: for
  // less than the silence that brings a node to a halt.
  static constexpr std::chrono::milliseconds ask_after{1500};
  static constexpr std::chrono::milliseconds ask_pause{1000};
  static constexpr std::chrono::milliseconds answer_lasts{3500};

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

  // Whether to ask the stream now; `waiting`: a request is open.
  bool asks_stream(bool waiting, time_point now) {
    if (!waiting || silent_ < ask_after || (asked_at_ && now - *asked_at_ < ask_pause))
      return false;
    asked_at_ = now;
    return true;
  }
  void stream_answered(time_point now) { answered_at_ = now; }
  bool is_alone(time_point now) const {
    return silent_ >= ask_after && answered_at_ && now - *answered_at_ < answer_lasts;
  }

private:
  std::optional<time_point> asked_at_;
  std::optional<time_point> answered_at_;
  time_point last_look_{};
  std::chrono::nanoseconds silent_{};
};

} // namespace ledgerd
