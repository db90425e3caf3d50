// Whether the broker takes acknowledgements: of those that are sent anyway, one a second asks for
// an answer. Only time counts in which one was asked for and is missing, the connection was up and
// this process ran.
//
// Pure; belongs to one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace ledgerd {

class ack_watch {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::milliseconds ask_every{1000};

  // Between two looks so much counts at most: longer, and the process was stopped.
  static constexpr std::chrono::milliseconds look_max{500};

  // Whether an acknowledgement that is sent now is to ask.
  bool may_ask(time_point now) const { return now - asked_at_ >= ask_every; }

  // Returns the question's number.
  std::uint64_t ask(time_point now) {
    asked_at_ = now;
    return ++asked_;
  }

  // Whether an answer has not come yet. When none has and it may ask again, no acknowledgement has
  // come by: the last one is to be sent once more, with a question.
  bool is_missing() const { return asked_ > answered_; }

  void answered(std::uint64_t question) {
    if (question <= answered_ || question > asked_)
      return;
    answered_ = question;
    silent_ = {};
  }

  // What was asked may never be answered: the connection broke, or the consumer was made anew.
  void forget() {
    answered_ = asked_;
    silent_ = {};
  }

  void look(bool up, time_point now) {
    if (up && is_missing())
      silent_ += std::min<std::chrono::nanoseconds>(now - last_look_, look_max);
    last_look_ = now;
  }

  // For how long no answer has come.
  std::chrono::milliseconds since() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(silent_);
  }

private:
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0; // the last that was, or need not be any more
  time_point asked_at_{};
  time_point last_look_{};
  std::chrono::nanoseconds silent_{};
};

} // namespace ledgerd
