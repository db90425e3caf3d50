#include "tests/simulation/machine.hpp"

#include <csetjmp>
#include <cxxabi.h>
#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "domain/assert.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace ledgerd::sim {

namespace {

constexpr std::size_t stack_bytes = 1024 * 1024;

machine* present_machine = nullptr;

// What the C++ runtime keeps of the exceptions that a thread handles.
struct handled_exceptions {
  void* caught = nullptr;
  unsigned uncaught = 0;
};

} // namespace

struct machine::stack {
  ucontext_t context{}; // how it begins
  std::jmp_buf place{}; // where it goes on
  bool begun = false;
  std::unique_ptr<char[]> memory;
  handled_exceptions exceptions;
  void* fake = nullptr; // of the address sanitizer
};

struct machine::waiter {
  const void* on;
  time_point until;
  owner_id owner;
  stack* where;
  bool signalled = false;
};

machine* machine::present() noexcept {
  return present_machine;
}

machine::machine(std::uint64_t seed) : random(seed) {
  LEDGERD_ASSERT(present_machine == nullptr);
  present_machine = this;
}

machine::~machine() {
  present_machine = nullptr;
}

nanoseconds machine::wall_now() const {
  constexpr auto some_day = std::chrono::seconds{1'800'000'000};
  const auto skew = wall_skew.find(running);
  return nanoseconds{now.time_since_epoch()} + some_day
         + (skew == wall_skew.end() ? nanoseconds{0} : skew->second);
}

// -- stacks

void machine::enter(unsigned high, unsigned low) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
  const auto address = (static_cast<std::uintptr_t>(high) << 32) | low;
  reinterpret_cast<machine*>(address)->loop(); // NOLINT(performance-no-int-to-ptr)
}

namespace {

// These two apart, since they may come back twice as far as the compiler knows.
[[gnu::noinline]] void start_context(ucontext_t& context) {
  getcontext(&context);
}

// Unlike swapcontext it asks the kernel for nothing, which is half of what a switch costs.
template <class Stack>
[[gnu::noinline]] void leave_for(Stack& from, Stack& to) {
#if defined(__SANITIZE_ADDRESS__)
  swapcontext(&from.context, &to.context);
#else
  if (_setjmp(from.place) != 0)
    return;
  if (std::exchange(to.begun, true))
    _longjmp(to.place, 1);
  setcontext(&to.context);
#endif
}

} // namespace

machine::stack& machine::spare() {
  if (!idle_.empty()) {
    auto* one = idle_.back();
    idle_.pop_back();
    return *one;
  }
  auto& one = *stacks_.emplace_back(std::make_unique<stack>());
  one.memory = std::make_unique_for_overwrite<char[]>(stack_bytes);
  start_context(one.context);
  one.context.uc_stack.ss_sp = one.memory.get();
  one.context.uc_stack.ss_size = stack_bytes;
  one.context.uc_link = nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&one.context, reinterpret_cast<void (*)()>(&machine::enter), 2,
              static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
  return one;
}

void machine::switch_to(stack& to) {
  auto& from = *current_;
  auto* globals = abi::__cxa_get_globals();
  std::memcpy(static_cast<void*>(&from.exceptions), globals, sizeof from.exceptions);
  std::memcpy(static_cast<void*>(globals), &to.exceptions, sizeof to.exceptions);
  current_ = &to;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from.fake, to.memory.get(), to.memory ? stack_bytes : 0);
#endif
  leave_for(from, to);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake, nullptr, nullptr);
#endif
}

void machine::loop() {
  while (!over_)
    step_();
  switch_to(*main_);
}

void machine::run(std::function<void()> step) {
  step_ = std::move(step);
  stack own;
  own.begun = true;
  main_ = current_ = &own;
  switch_to(spare());
  main_ = current_ = nullptr;
}

// -- threads

std::uint64_t machine::start(owner_id owner, std::function<void()> body) {
  beginnings_.push_back({owner, ++threads_, std::move(body)});
  ended_[threads_] = false;
  return threads_;
}

bool machine::wait(const void* on, time_point until) {
  LEDGERD_ASSERT(current_ != nullptr && current_ != main_);
  waiter one{on, until, running, current_};
  waiting_.push_back(&one);
  switch_to(spare());
  running = one.owner;
  return one.signalled;
}

void machine::signal(const void* on, bool all) {
  if (on == nullptr)
    return;
  for (auto* each : waiting_)
    if (each->on == on && !each->signalled) {
      each->signalled = true;
      if (!all)
        return;
    }
}

void machine::join(std::uint64_t thread) {
  while (!ended_.at(thread))
    wait(&ended_.at(thread), time_point::max());
}

void machine::halt(owner_id owner, bool on) {
  const auto place = static_cast<std::size_t>(owner);
  if (halted_.size() <= place)
    halted_.resize(place + 1);
  halted_[place] = on;
}

void machine::ready(std::vector<ready_thread>& into) const {
  for (std::size_t i = 0; i < waiting_.size(); ++i)
    if ((waiting_[i]->signalled || waiting_[i]->until <= now) && may_run(waiting_[i]->owner))
      into.push_back({waiting_[i]->owner, i, false});
  for (std::size_t i = 0; i < beginnings_.size(); ++i)
    if (may_run(beginnings_[i].owner))
      into.push_back({beginnings_[i].owner, i, true});
}

void machine::go_on(const ready_thread& who) {
  if (!who.begins) {
    auto* one = waiting_[who.place];
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(who.place));
    idle_.push_back(current_);
    return switch_to(*one->where);
  }
  const auto one = std::move(beginnings_[who.place]);
  beginnings_.erase(beginnings_.begin() + static_cast<std::ptrdiff_t>(who.place));
  running = one.owner;
  one.body();
  running = nobody;
  ended_[one.number] = true;
  signal(&ended_[one.number], true);
}

std::size_t machine::waits_of(owner_id owner) const {
  return static_cast<std::size_t>(std::count_if(
      waiting_.begin(), waiting_.end(), [=](const waiter* each) { return each->owner == owner; }));
}

time_point machine::next_due() const {
  auto next = time_point::max();
  for (const auto* each : waiting_)
    if (may_run(each->owner))
      next = std::min(next, each->until);
  return next;
}

void machine::forget(owner_id owner) {
  std::erase_if(waiting_, [&](const waiter* each) { return each->owner == owner; });
  std::erase_if(beginnings_, [&](const beginning& each) { return each.owner == owner; });
}

} // namespace ledgerd::sim
