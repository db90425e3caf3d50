// What this binary replaces of the standard library and of the threads' library: what tells the
// time, starts a thread, waits or draws a random number. The linker takes the definitions of the
// program before those of the shared libraries, for the libraries' own calls as well. Outside a
// simulation all is as usual.
#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "domain/assert.hpp"
#include "tests/simulation/machine.hpp"

using ledgerd::sim::machine;
using ledgerd::sim::nanoseconds;
using ledgerd::sim::time_point;

namespace {

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

nanoseconds to_nanoseconds(const timespec& time) {
  return std::chrono::seconds{time.tv_sec} + nanoseconds{time.tv_nsec};
}

nanoseconds real_clock(clockid_t which) {
  timespec now{};
  clock_gettime(which, &now);
  return to_nanoseconds(now);
}

// Unlocks while it waits.
int wait_on(machine& on, pthread_cond_t* condition, pthread_mutex_t* mutex, time_point until) {
  pthread_mutex_unlock(mutex);
  const bool signalled = on.wait(condition, until);
  // Nobody waits with a mutex locked, so this one is free.
  LEDGERD_ASSERT(pthread_mutex_trylock(mutex) == 0);
  return signalled ? 0 : ETIMEDOUT;
}

} // namespace

namespace std::chrono::inline _V2 {

steady_clock::time_point steady_clock::now() noexcept {
  const auto* on = machine::present();
  return on != nullptr ? on->now : time_point{real_clock(CLOCK_MONOTONIC)};
}

system_clock::time_point system_clock::now() noexcept {
  const auto* on = machine::present();
  return time_point{
      duration_cast<duration>(on != nullptr ? on->wall_now() : real_clock(CLOCK_REALTIME))};
}

} // namespace std::chrono::inline _V2

std::random_device::result_type std::random_device::_M_getval() {
  auto* on = machine::present();
  if (on == nullptr)
    return static_cast<result_type>(real_clock(CLOCK_REALTIME).count());
  return static_cast<result_type>(on->random.next());
}

void std::thread::_M_start_thread(_State_ptr state, void (*)()) {
  auto* on = machine::present();
  LEDGERD_ASSERT(on != nullptr);
  const std::shared_ptr<_State> body{std::move(state)};
  _M_id = id(on->start(on->running, [body] { body->_M_run(); }));
}

void std::thread::join() {
  auto* on = machine::present();
  LEDGERD_ASSERT(on != nullptr && joinable());
  on->join(_M_id._M_thread);
  _M_id = id();
}

extern "C" {

int pthread_cond_signal(pthread_cond_t* condition) {
  if (auto* on = machine::present()) {
    on->signal(condition, false);
    return 0;
  }
  return real<int (*)(pthread_cond_t*)>("pthread_cond_signal")(condition);
}

int pthread_cond_broadcast(pthread_cond_t* condition) {
  if (auto* on = machine::present()) {
    on->signal(condition, true);
    return 0;
  }
  return real<int (*)(pthread_cond_t*)>("pthread_cond_broadcast")(condition);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  if (auto* on = machine::present())
    return wait_on(*on, condition, mutex, time_point::max());
  return real<int (*)(pthread_cond_t*, pthread_mutex_t*)>("pthread_cond_wait")(condition, mutex);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* until) {
  if (auto* on = machine::present()) {
    const auto wanted = to_nanoseconds(*until);
    return wait_on(*on, condition, mutex,
                   clock == CLOCK_MONOTONIC ? time_point{wanted}
                                            : on->now + (wanted - on->wall_now()));
  }
  using function = int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*);
  return real<function>("pthread_cond_clockwait")(condition, mutex, clock, until);
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* until) {
  if (machine::present() != nullptr)
    return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, until);
  using function = int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*);
  return real<function>("pthread_cond_timedwait")(condition, mutex, until);
}

int nanosleep(const timespec* time, timespec* left) {
  if (auto* on = machine::present()) {
    on->sleep(to_nanoseconds(*time));
    return 0;
  }
  return real<int (*)(const timespec*, timespec*)>("nanosleep")(time, left);
}

} // extern "C"
