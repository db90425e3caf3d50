#include "messaging/nats/question_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ledgerd {

namespace {

std::size_t size_of(const api_question& one) {
  auto result = sizeof one + one.subject.size() + one.payload.size() + one.reply.size();
  for (const auto& each : one.headers)
    result += sizeof each + each.name.size() + each.value.size();
  return result;
}

} // namespace

void question_queue::open(waker wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
}

void question_queue::shut() {
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
}

void question_queue::put(api_question one) {
  const auto size = size_of(one);
  const std::lock_guard lock(mutex_);
  const auto full = [&] { return waiting_.size() >= count_max_ || bytes_ + size > bytes_max_; };
  if (size > bytes_max_ || (order_ == queue_order::oldest_first && full())) {
    ++losses_.overflow;
    return;
  }
  while (full()) {
    drop_oldest();
    ++losses_.overflow;
  }
  bytes_ += size;
  waiting_.push_back(std::move(one));
  if (waiting_.size() == 1 && wake_)
    wake_();
}

void question_queue::refuse_reply() {
  const std::lock_guard lock(mutex_);
  ++losses_.foreign_reply;
}

std::vector<api_question> question_queue::take(std::size_t at_most, time_point now) {
  const std::lock_guard lock(mutex_);
  const bool newest = order_ == queue_order::newest_first;
  while (newest && !waiting_.empty() && waiting_.front().arrived < now - question_patience) {
    drop_oldest();
    ++losses_.expired;
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(at_most, waiting_.size()));
  const auto first = newest ? waiting_.end() - count : waiting_.begin();
  std::vector<api_question> result(std::make_move_iterator(first),
                                   std::make_move_iterator(first + count));
  waiting_.erase(first, first + count);
  for (const auto& each : result)
    bytes_ -= size_of(each);
  return result;
}

question_losses question_queue::losses() const {
  const std::lock_guard lock(mutex_);
  return losses_;
}

std::size_t question_queue::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

std::size_t question_queue::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void question_queue::drop_oldest() {
  bytes_ -= size_of(waiting_.front());
  waiting_.pop_front();
}

} // namespace ledgerd
