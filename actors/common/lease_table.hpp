// LEASE TABLE: the deliveries that an actor holds, within its credit. Each has a ticket, under
// which others speak of it, and whatever its actor notes about it; its lease at the broker is kept
// alive as `lease_rule` says, until it is settled or handed back.
//
// Belongs to one actor; calls the source on that actor's thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "actors/common/lease.hpp"
#include "actors/common/protocol.hpp"
#include "domain/assert.hpp"
#include "domain/release.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// `Work` is what the actor notes about a delivery; a new one begins with `Work{}`.
template <class Work>
class lease_table {
public:
  // Stays where it is while it is held.
  struct held : Work {
    delivery source;
    std::size_t bytes = 0; // of credit, whatever is taken out of `source` meanwhile
    lease_times leased;
    std::uint32_t place = 0;
    std::uint32_t generation = 0; // of the place: a ticket is never given twice
    bool taken = false;

    ticket tag() const { return (static_cast<ticket>(generation) << 32) | place; }
  };

  lease_table() = default;

  // `ack_wait` is the consumer's.
  lease_table(std::shared_ptr<delivery_source> source, capacity credit,
              std::chrono::milliseconds ack_wait)
      : source_(std::move(source)), credit_(credit), rule_(ack_wait) {}

  held& hold(delivery&& arrived, progress_time now) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(places_.size()));
      auto& made = places_.emplace_back();
      made.place = free_.back();
      made.generation = generation_;
    }
    auto& one = places_[free_.back()];
    free_.pop_back();
    one.source = std::move(arrived);
    one.bytes = bytes_of(one.source);
    one.leased = {now, now};
    one.taken = true;
    bytes_ += one.bytes;
    most_ = std::max(most_, ++size_);
    return one;
  }

  // Precondition (asserted): it is still held.
  held& at(ticket tag) {
    const auto place = static_cast<std::size_t>(tag & 0xffff'ffffU);
    LEDGERD_ASSERT(place < places_.size());
    auto& one = places_[place];
    LEDGERD_ASSERT(one.taken && one.generation == tag >> 32);
    return one;
  }

  // The end of it: tells the source how. The reference is void afterwards.
  void settle(held& one, settlement how) {
    source_->settle(one.source.receipt, how);
    bytes_ -= one.bytes;
    --size_;
    static_cast<Work&>(one) = Work{};
    release(one.source);
    one.taken = false;
    ++one.generation;
    free_.push_back(one.place);
  }

  // Tells the source that all go to others, and says how many. They stay held: there may still be
  // answers to their tickets.
  std::size_t hand_back_all() {
    for_each(
        [this](const held& one) { source_->settle(one.source.receipt, settlement::hand_back); });
    return size_;
  }

  // Keeps alive what the rule allows.
  void renew(progress_time now) {
    for_each([&](held& one) {
      if (!rule_.due(one.leased, now))
        return;
      source_->settle(one.source.receipt, settlement::progress);
      one.leased.renewed = now;
    });
  }

  // Gives back what a flood took: beyond twice as many places as were held at a time since it last
  // looked, ten seconds before, those at the end of which none is held, so many at a time that it
  // does not take long.
  void trim(progress_time now) {
    if (now < next_trim_)
      return;
    next_trim_ = now + trim_pause;
    auto kept = std::max(places_kept, 2 * std::exchange(most_, size_));
    if (places_.size() <= kept)
      return;
    kept = std::max(kept, places_.size() - std::min(places_.size(), trimmed_at_a_time));
    while (places_.size() > kept && !places_.back().taken) {
      generation_ = std::max(generation_, places_.back().generation);
      places_.pop_back();
    }
    // The first ones are taken first, so that those at the end become free.
    std::vector<std::uint32_t> left;
    for (auto place = places_.size(); place-- > 0;)
      if (!places_[place].taken)
        left.push_back(static_cast<std::uint32_t>(place));
    free_.swap(left);
  }

  // How many may be held before more memory is taken.
  std::size_t places() const noexcept { return places_.size(); }

  // Calls `what` for each that is held; it may settle that one.
  template <class What>
  void for_each(What what) {
    for (auto& one : places_)
      if (one.taken)
        what(one);
  }

  template <class What>
  void for_each(What what) const {
    for (const auto& one : places_)
      if (one.taken)
        what(one);
  }

  // From the root, regularly: whether the node makes progress.
  void pulse(bool moving, progress_time now) { rule_.pulse(moving, now); }

  // For how many more deliveries there is room.
  capacity room() const {
    if (rule_.full(size_) || size_ >= credit_.messages || bytes_ >= credit_.bytes)
      return {0, 0};
    return {credit_.messages - size_, credit_.bytes - bytes_};
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t bytes() const noexcept { return bytes_; }

private:
  static constexpr std::size_t places_kept = 256;
  static constexpr std::size_t trimmed_at_a_time = 16384;
  static constexpr std::chrono::seconds trim_pause{10};

  std::shared_ptr<delivery_source> source_;
  capacity credit_{};
  lease_rule rule_;
  std::deque<held> places_; // never moves what it holds
  std::vector<std::uint32_t> free_;
  std::uint32_t generation_ = 0; // of a new place: no place that is gone had a later one
  std::size_t most_ = 0;         // held at a time since the last trim
  progress_time next_trim_{};
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
};

} // namespace ledgerd
