// The machine that a simulation runs on: its time, its threads, its dice. One operating system
// thread in all. Whatever the program does to wait (condition variables, sleeping, joining) and to
// tell the time is replaced in this binary (replaced.cpp) and ends up here, so that a seed decides
// what happens next and every run of it is the same.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace ledgerd::sim {

using time_point = std::chrono::steady_clock::time_point;
using nanoseconds = std::chrono::nanoseconds;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// Whose code runs: a life of a node, or nobody's (the surroundings).
using owner_id = int;
inline constexpr owner_id nobody = 0;

// The dice of one seed.
class dice {
public:
  explicit dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 0x1234567) {}

  std::uint64_t next() {
    auto z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // 0 to `below` - 1.
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(next() % count); }
  bool one_in(std::size_t count) { return below(count) == 0; }
  bool percent(int chance) { return static_cast<int>(below(100)) < chance; }
  nanoseconds between(nanoseconds least, nanoseconds most) {
    return least
           + nanoseconds{static_cast<std::int64_t>(
               below(static_cast<std::size_t>((most - least).count()) + 1))};
  }

private:
  std::uint64_t state_;
};

class machine {
public:
  // A thread that waits: for a signal on an address, or for a time.
  struct waiter;

  // Someone who can go on now.
  struct ready_thread {
    owner_id owner = nobody;
    std::size_t place = 0;
    bool begins = false;
  };

  explicit machine(std::uint64_t seed);
  ~machine();
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;

  // The one of this process; null: time and threads are the real ones.
  static machine* present() noexcept;

  dice random;
  time_point now{std::chrono::hours{1000}};
  owner_id running = nobody;

  // By so much the wall clock of a node, by its owner, is ahead of the others'.
  std::map<owner_id, nanoseconds> wall_skew;
  nanoseconds wall_now() const; // since 1970, by the clock of who is running

  // Calls `step` again and again, each time on any stack, until `finish`.
  void run(std::function<void()> step);
  void finish() { over_ = true; }

  // A new thread; its number. It begins when `go_on` is called for it.
  std::uint64_t start(owner_id owner, std::function<void()> body);

  // From within a thread or a step: waits. True: signalled. May let any other code run.
  bool wait(const void* on, time_point until);
  void sleep(nanoseconds time) { wait(nullptr, now + time); }
  void signal(const void* on, bool all);

  // Ends with the thread.
  void join(std::uint64_t thread);

  // What belongs to it gets no time, from now on or any more.
  void halt(owner_id owner, bool on);
  bool may_run(owner_id owner) const {
    const auto place = static_cast<std::size_t>(owner);
    return place >= halted_.size() || !halted_[place];
  }

  // Who could go on now, if the owner may.
  void ready(std::vector<ready_thread>& into) const;
  void go_on(const ready_thread& who);
  std::size_t waits_of(owner_id owner) const;

  // When the next wait of somebody who may go on is over.
  time_point next_due() const;

  // What belongs to it never goes on.
  void forget(owner_id owner);

private:
  struct stack;
  struct beginning {
    owner_id owner;
    std::uint64_t number;
    std::function<void()> body;
  };

  void loop();
  static void enter(unsigned high, unsigned low);
  stack& spare();
  void switch_to(stack& to);

  std::function<void()> step_;
  bool over_ = false;
  std::vector<std::unique_ptr<stack>> stacks_;
  std::vector<stack*> idle_;
  stack* current_ = nullptr;
  stack* main_ = nullptr;
  std::vector<waiter*> waiting_;
  std::deque<beginning> beginnings_;
  std::uint64_t threads_ = 0;
  std::map<std::uint64_t, bool> ended_; // by thread
  std::vector<bool> halted_;            // by owner
};

} // namespace ledgerd::sim
