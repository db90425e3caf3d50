// A library to preload, under which a program's wall clock jumps: LD_PRELOAD=..., CLOCK_SHIFT=FILE.
//
// FILE holds the milliseconds by which CLOCK_REALTIME differs from the machine's, as text; it is
// read again all the time, so that writing to it is a jump. Monotonic clocks stay. Waits until a
// moment of the wall clock (condition variables, semaphores, mutexes) end when the shifted clock
// says so, also when it jumps meanwhile, as under the kernel's own clock. The real time comes from
// the kernel by a bare system call: no other function may be needed here, because allocators ask
// for the time before anything else works.
//
// Not covered: a system call that takes a moment of the wall clock directly, timerfd, and programs
// without the C library.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t step = 20'000'000; // a wait looks at the clock as often, in nanoseconds
// Moments before it are not of the wall clock: a condition variable may wait by the monotonic one.
constexpr std::int64_t first_wall_moment = 1'000'000'000 * second;

std::int64_t now_of(clockid_t clock) {
  timespec time{};
  syscall(SYS_clock_gettime, clock, &time);
  return time.tv_sec * second + time.tv_nsec;
}

timespec to_timespec(std::int64_t nanoseconds) {
  timespec result{};
  result.tv_sec = nanoseconds / second;
  result.tv_nsec = nanoseconds % second;
  return result;
}

// Read at most every millisecond; racing threads read twice, which does no harm.
std::int64_t shift() {
  static std::int64_t value = 0;
  static std::int64_t next = 0;
  const auto now = now_of(CLOCK_MONOTONIC);
  if (now < __atomic_load_n(&next, __ATOMIC_RELAXED))
    return __atomic_load_n(&value, __ATOMIC_RELAXED);
  __atomic_store_n(&next, now + 1'000'000, __ATOMIC_RELAXED);
  const char* path = getenv("CLOCK_SHIFT");
  if (path == nullptr)
    return 0;
  const auto file = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC));
  if (file < 0)
    return __atomic_load_n(&value, __ATOMIC_RELAXED);
  char text[32] = {};
  const auto size = syscall(SYS_read, file, text, sizeof text - 1);
  syscall(SYS_close, file);
  if (size > 0)
    __atomic_store_n(&value, strtoll(text, nullptr, 10) * 1'000'000, __ATOMIC_RELAXED);
  return __atomic_load_n(&value, __ATOMIC_RELAXED);
}

std::int64_t shifted_now() {
  return now_of(CLOCK_REALTIME) + shift();
}

template <class Function>
Function next_of(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

// Waits in steps of the machine's clock until the shifted one has reached `until`. `wait` takes a
// moment of the former and returns an error code.
template <class Wait>
int wait_shifted(const timespec* until, Wait wait) {
  const auto goal = until->tv_sec * second + until->tv_nsec;
  if (goal < first_wall_moment)
    return wait(*until);
  for (;;) {
    const auto left = goal - shifted_now();
    const auto most = left < 0 ? 0 : left < step ? left : step;
    const auto result = wait(to_timespec(now_of(CLOCK_REALTIME) + most));
    if (result != ETIMEDOUT || shifted_now() >= goal)
      return result;
  }
}

} // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const auto result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    *time = to_timespec(shifted_now());
  return static_cast<int>(result);
}

int gettimeofday(timeval* time, void*) noexcept {
  const auto now = shifted_now();
  time->tv_sec = now / second;
  time->tv_usec = now % second / 1000;
  return 0;
}

time_t time(time_t* result) noexcept {
  const auto now = shifted_now() / second;
  if (result != nullptr)
    *result = now;
  return now;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* until) {
  using function = int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*);
  static const auto real = next_of<function>("pthread_cond_timedwait");
  return wait_shifted(until,
                      [=](const timespec& moment) { return real(condition, mutex, &moment); });
}

int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* until) noexcept {
  using function = int (*)(pthread_mutex_t*, const timespec*);
  static const auto real = next_of<function>("pthread_mutex_timedlock");
  return wait_shifted(until, [=](const timespec& moment) { return real(mutex, &moment); });
}

int sem_timedwait(sem_t* semaphore, const timespec* until) {
  using function = int (*)(sem_t*, const timespec*);
  static const auto real = next_of<function>("sem_timedwait");
  const auto error = wait_shifted(
      until, [=](const timespec& moment) { return real(semaphore, &moment) == 0 ? 0 : errno; });
  errno = error;
  return error == 0 ? 0 : -1;
}

} // extern "C"
