// Numbered requests and the inbox their replies come to. Private to this room; each object belongs
// to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messaging/nats/connection.hpp"

namespace ledgerd {

// The requests under way, by number. Each is answered exactly once.
class open_requests {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // Returns the request's number. `from` names who has to answer, and stays; empty: anybody.
  std::uint64_t begin(std::uint64_t token, std::uint64_t epoch, time_point now,
                      std::string_view from = {}, bool is_new = false) {
    under_way_.push_back({token, epoch, now, from, false, is_new});
    return first_ + under_way_.size() - 1;
  }

  // Who has to answer the request; empty: anybody, or it is over.
  std::string_view from(std::uint64_t number) const {
    return number < first_ || number - first_ >= under_way_.size()
               ? std::string_view()
               : under_way_[number - first_].from;
  }

  // Whether the request is open and `begin` was told that it is new.
  bool is_new(std::uint64_t number) const {
    return number >= first_ && number - first_ < under_way_.size()
           && under_way_[number - first_].is_new;
  }

  // The token of the request that this reply answers; nothing when it is answered already.
  std::optional<std::uint64_t> answer(std::uint64_t number) {
    if (number < first_ || number - first_ >= under_way_.size())
      return std::nullopt;
    auto& one = under_way_[number - first_];
    if (std::exchange(one.answered, true))
      return std::nullopt;
    return one.token;
  }

  // Answers what was under way in an older epoch or begun before `overdue`: calls
  // `visit(token, broke)`. Called after `answer`: also forgets what is answered.
  template <class Visit>
  void give_up(std::uint64_t epoch, time_point overdue, Visit visit) {
    for (auto& one : under_way_) { // both epochs and times only grow along the queue
      if (one.epoch == epoch && one.sent > overdue)
        break;
      if (!std::exchange(one.answered, true))
        visit(one.token, one.epoch != epoch);
    }
    while (!under_way_.empty() && under_way_.front().answered) {
      under_way_.pop_front();
      ++first_;
    }
  }

private:
  struct request {
    std::uint64_t token;
    std::uint64_t epoch;
    time_point sent;
    std::string_view from;
    bool answered;
    bool is_new; // see `outgoing::new_row`
  };

  std::uint64_t first_ = 1; // the number of the first that is under way
  std::deque<request> under_way_;
};

// A subscription on an inbox of its own, whose subjects end in the requests' numbers.
class reply_inbox {
public:
  reply_inbox(std::shared_ptr<lifeline> line, std::shared_ptr<message_sink> sink);
  reply_inbox(const reply_inbox&) = delete;
  reply_inbox& operator=(const reply_inbox&) = delete;
  ~reply_inbox();

  // The session to publish on, with the inbox ready; null when the connection is down.
  session* ready();

  // Where the reply to this request goes. Precondition: `ready` has returned a session.
  const std::string& subject(std::uint64_t number);

  // Where the reply to a second question about this request goes.
  const std::string& aside_subject(std::uint64_t number);

private:
  const std::shared_ptr<lifeline> line_;
  const std::shared_ptr<message_sink> sink_;
  std::shared_ptr<session> session_;
  nats_subscription* subscription_ = nullptr; // freed by its session
  std::uint64_t epoch_ = 0;
  std::string subject_; // the inbox, and after it the number of the last request
  std::size_t prefix_length_ = 0;
};

} // namespace ledgerd
