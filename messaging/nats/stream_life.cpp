#include "messaging/nats/stream_life.hpp"

#include <algorithm>
#include <utility>

namespace ledgerd {

void stream_life::doubt(time_point now) {
  ++generation_;
  if (doubted_until_ == 0)
    doubted_from_ = generation_;
  doubted_until_ = wish();
  doubted_at_ = now;
}

std::uint64_t stream_life::wish() {
  wanted_ = std::max(wanted_, asked_ + 1);
  return asked_ + 1;
}

std::optional<std::uint64_t> stream_life::next_question(time_point now) {
  const bool waiting = asked_ > answered_;
  const bool due = waiting ? now - asked_at_ >= answer_wait
                           : wanted_ > asked_ && (asked_ == 0 || now - asked_at_ >= question_pause);
  if (!due)
    return std::nullopt;
  asked_at_ = now;
  wanted_ = std::max(wanted_, ++asked_);
  return asked_;
}

bool stream_life::answered(std::uint64_t question, std::int64_t created_at_ns) {
  if (question <= answered_ || question > asked_)
    return false;
  answered_ = question;
  const bool doubted = doubted_until_ != 0;
  if (doubted && answered_ >= doubted_until_)
    doubted_until_ = 0;
  gone_ = created_at_ns == 0;
  if (gone_ || created_at_ns == created_at_ns_)
    return false;
  const bool is_first = std::exchange(created_at_ns_, created_at_ns) == 0;
  if (is_first) {
    life_begins_ = doubted ? doubted_from_ : 0;
    return false;
  }
  life_may_begin_ = doubted ? doubted_from_ : generation_;
  life_begins_ = ++generation_;
  return true;
}

void stream_life::lost() {
  asked_at_ = {};
}

bool stream_life::is_of_this_life(std::uint32_t generation,
                                  std::int64_t stored_at_ns) const noexcept {
  return generation >= life_begins_
         || (generation >= life_may_begin_ && stored_at_ns >= created_at_ns_);
}

std::optional<std::int64_t> stream_life::incarnation(std::uint64_t question,
                                                     std::uint32_t generation,
                                                     std::int64_t stored_at_ns) const {
  if (answered_ < question)
    return std::nullopt;
  return !gone_ && is_of_this_life(generation, stored_at_ns) ? created_at_ns_ : 0;
}

stream_life::settling stream_life::may_settle(std::uint32_t generation, std::int64_t stored_at_ns,
                                              time_point now) const {
  if (is_present(generation))
    return settling::yes;
  if (doubted_until_ != 0)
    return now - doubted_at_ < doubt_max ? settling::later : settling::yes;
  return is_of_this_life(generation, stored_at_ns) ? settling::yes : settling::never;
}

} // namespace ledgerd
