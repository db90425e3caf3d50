// METER: what is counted about an actor from outside, without its help: messages handled, how many
// wait, how long they wait and how long they take. CAF 0.17 has no numbers of its own; measured.hpp
// is the layer that feeds the meters.
//
// A meter can be read by any thread at any time, so that an actor which answers nobody is seen all
// the same. What only the actor's own thread writes is written without locked instructions. Kinds
// of which there are thousands share a CROWD, which counts in one cell for each thread and times
// one message in 16.
//
// One board of all meters for the process, as there is one for what is unplaced or misnamed.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/common/report.hpp"
#include "actors/common/runtime_counters.hpp"

namespace ledgerd {

// Durations that one thread records and all may read.
class timing {
public:
  void record(std::chrono::nanoseconds duration) noexcept;
  void add_to(duration_histogram& sum) const noexcept;

private:
  std::array<std::atomic<std::int64_t>, duration_histogram::bounds_us.size() + 1> buckets_{};
  std::atomic<std::int64_t> sum_ns_{0};
};

// Follows one message at a time through a mailbox. Places count from 1, in the order of arrival,
// which is that of handling but for urgent messages.
class mailbox_probe {
public:
  using clock = std::chrono::steady_clock;

  // Any thread: the message with this place is about to be put in.
  void put(std::uint64_t place) noexcept {
    std::uint64_t none = 0;
    if (place_.load(std::memory_order_relaxed) != 0
        || !place_.compare_exchange_strong(none, taken, std::memory_order_relaxed))
      return;
    put_at_.store(clock::now().time_since_epoch().count(), std::memory_order_relaxed);
    place_.store(place, std::memory_order_release);
  }

  // The actor's thread: whether the message that is followed is this one, or has just passed.
  bool is_at(std::uint64_t place) const noexcept {
    const auto followed = place_.load(std::memory_order_acquire);
    return followed != 0 && followed <= place;
  }

  // Precondition: it is there. How long it has waited; another one may be followed.
  std::chrono::nanoseconds take(clock::time_point now) noexcept {
    const auto waited =
        now.time_since_epoch() - clock::duration{put_at_.load(std::memory_order_relaxed)};
    place_.store(0, std::memory_order_relaxed);
    return waited;
  }

private:
  static constexpr auto taken = ~std::uint64_t{0};

  std::atomic<std::uint64_t> place_{0};
  std::atomic<clock::rep> put_at_{0};
};

// Of one actor that has its own row.
class actor_meter {
public:
  using clock = mailbox_probe::clock;

  // Any thread: a message is about to be put into the mailbox.
  void arrive() noexcept { probe_.put(arrived_.fetch_add(1, std::memory_order_relaxed) + 1); }

  // The actor's thread: it gets its turn; a message comes to its handler; that has ended.
  void run() noexcept { last_ = {}; }
  void begin() noexcept;
  void end() noexcept;

  // Any thread. Adds up what it has counted.
  void add_to(runtime_counters& sum) const noexcept;
  std::int64_t mailbox() const noexcept;
  std::chrono::nanoseconds busy(clock::time_point now) const noexcept;

private:
  // Written by whoever sends.
  alignas(64) std::atomic<std::uint64_t> arrived_{0};
  mailbox_probe probe_;
  // Written by the actor's thread.
  alignas(64) std::atomic<std::uint64_t> handled_{0};
  std::atomic<clock::rep> busy_since_{0}; // 0: no message is under way
  clock::time_point last_{};              // the end of the last message of this turn
  timing processing_;
  timing waiting_;
};

// What a crowd counts on one thread.
struct crowd_cell {
  std::atomic<std::int64_t> arrived{0};
  std::atomic<std::int64_t> handled{0};
  std::atomic<std::int64_t> left{0}; // messages in the mailboxes of those that have ended
  std::atomic<std::int64_t> began{0};
  std::atomic<std::int64_t> ended{0};
  timing processing;
  timing waiting;
  unsigned sent = 0; // of that thread alone, as is the next one: each 16th is timed
  unsigned taken = 0;

  static void add(std::atomic<std::int64_t>& to, std::int64_t count) noexcept {
    to.store(to.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
};

// All actors of a kind of which there are thousands.
class crowd {
public:
  explicit crowd(std::string_view kind);

  // This thread's cell.
  crowd_cell& here() noexcept;

  actor_report report() const;

private:
  std::string kind_;
  std::size_t number_;
};

// The part of one actor in a crowd.
class crowd_meter {
public:
  using clock = mailbox_probe::clock;
  static constexpr unsigned timed_one_in = 16;

  explicit crowd_meter(crowd& of) noexcept : crowd_(&of) { crowd_cell::add(of.here().began, 1); }

  void arrive() noexcept;
  void run() noexcept {}
  void begin() noexcept;
  void end() noexcept;

  // The actor ends. Messages that come later are no matter any more.
  void close() noexcept;

private:
  crowd* crowd_;
  std::atomic<std::uint32_t> arrived_{0};
  std::uint32_t handled_ = 0;
  bool timed_ = false;
  std::atomic<bool> closed_ = false;
  clock::time_point began_{};
  mailbox_probe probe_;
};

// The board. An actor's address is its name there, from `open_meter` to `close_meter`; any thread.
std::shared_ptr<actor_meter> open_meter(const void* actor, std::string_view kind);
void close_meter(const void* actor) noexcept;

// What the actor's parent calls it; without this it has its kind alone. Nothing happens when it has
// no meter, or has ended.
void name_meter(const void* actor, std::string_view kind, std::string_view instance);

// A row for each actor that has one of its own, one for each crowd, and, as instance `ended`, one
// for each kind of which some have ended, so that no count ever falls. Any thread.
std::vector<actor_report> read_meters();

} // namespace ledgerd
