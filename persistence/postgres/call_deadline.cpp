#include "persistence/postgres/call_deadline.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <fcntl.h>
#include <mutex>
#include <signal.h>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "persistence/database_error.hpp"
#include "persistence/database_watch.hpp"

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;
using call_list = std::list<watched_call>;
using given_up_list = std::list<given_up_commit::times>;

// How long a COMMIT that was given up counts as waiting when nobody looks for it.
constexpr std::chrono::seconds memory{30};

std::chrono::milliseconds since(clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begin);
}

// When something is to be done about a call: never again once its socket is shut down.
clock::time_point next_event(const watched_call& call) {
  if (call.shut_down)
    return clock::time_point::max();
  if (call.kind == call_kind::commit && !call.told)
    return std::min(call.begun + commit_notice, call.deadline);
  return call.deadline;
}

void shut_down(watched_call& call) {
  ::shutdown(call.socket, SHUT_RDWR);
  call.shut_down = true;
}

// Lives as long as the process: calls may be under way in whatever order things end.
class watchdog {
public:
  static watchdog& of_process() {
    static auto& only = *new watchdog;
    return only;
  }

  call_list::iterator enter(watched_call call) {
    call_list fresh;
    fresh.push_back(call);
    const std::lock_guard lock(mutex_);
    refuse_cancelled();
    calls_.splice(calls_.end(), fresh);
    // Deadlines mostly grow, so that it seldom has to be woken.
    if (next_event(call) < wakes_)
      changed_.notify_one();
    return std::prev(calls_.end());
  }

  watched_call leave(call_list::iterator call) {
    call_list done;
    const std::lock_guard lock(mutex_);
    done.splice(done.end(), calls_, call);
    return done.front();
  }

  bool is_shut_down(call_list::const_iterator call) {
    const std::lock_guard lock(mutex_);
    return call->shut_down;
  }

  void refuse_cancelled_calls() {
    const std::lock_guard lock(mutex_);
    refuse_cancelled();
  }

  std::chrono::milliseconds longest_commit_wait() {
    const std::lock_guard lock(mutex_);
    std::chrono::milliseconds longest{0};
    for (const auto& call : calls_)
      if (call.kind == call_kind::commit)
        longest = std::max(longest, since(call.begun));
    for (const auto& each : given_up_)
      if (since(each.seen) < memory)
        longest = std::max(longest, since(each.begun));
    return longest;
  }

  given_up_list::iterator remember(clock::time_point begun) {
    const std::lock_guard lock(mutex_);
    return given_up_.insert(given_up_.end(), {begun, clock::now()});
  }

  void seen(given_up_list::iterator place) {
    const std::lock_guard lock(mutex_);
    place->seen = clock::now();
  }

  void forget(given_up_list::iterator place) {
    const std::lock_guard lock(mutex_);
    given_up_.erase(place);
  }

  void cancel(bool on) {
    const std::lock_guard lock(mutex_);
    cancelled_ = on;
    if (on)
      for (auto& call : calls_)
        shut_down(call);
  }

private:
  // No signal is for this thread.
  watchdog() {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([this] { run(); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void refuse_cancelled() const {
    if (cancelled_)
      throw database_error(database_fault::lost, "cancelled: the program is ending");
  }

  // Returns what there is to tell; sets when to look again.
  std::vector<std::string> look() {
    std::vector<std::string> sentences;
    const auto now = clock::now();
    wakes_ = clock::time_point::max();
    for (auto& call : calls_) {
      if (now >= call.deadline && !call.shut_down)
        shut_down(call);
      if (call.kind == call_kind::commit && !call.told && now >= call.begun + commit_notice) {
        call.told = true;
        sentences.push_back("a COMMIT has been waiting for "
                            + std::to_string(since(call.begun).count()) + " ms");
      }
      wakes_ = std::min(wakes_, next_event(call));
    }
    return sentences;
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (const auto sentences = look(); !sentences.empty()) {
        lock.unlock();
        for (const auto& sentence : sentences)
          tell_database_listener(sentence);
        lock.lock();
      } else if (wakes_ == clock::time_point::max()) {
        changed_.wait(lock);
      } else {
        changed_.wait_until(lock, wakes_);
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  call_list calls_;
  given_up_list given_up_;
  clock::time_point wakes_ = clock::time_point::max();
  bool cancelled_ = false;
};

struct listening {
  std::mutex mutex;
  database_listener listener;

  static listening& of_process() {
    static auto& only = *new listening;
    return only;
  }
};

} // namespace

socket_handle::socket_handle(int socket) : socket_(fcntl(socket, F_DUPFD_CLOEXEC, 0)) {
  if (socket_ < 0)
    throw std::system_error(errno, std::generic_category(), "no descriptor for a session");
}

socket_handle::~socket_handle() {
  close(socket_);
}

call_deadline::call_deadline(const socket_handle& socket, std::chrono::milliseconds limit,
                             call_kind kind) {
  const auto now = clock::now();
  call_ = watchdog::of_process().enter({socket.get(), kind, now, now + limit});
}

call_deadline::~call_deadline() {
  const auto call = watchdog::of_process().leave(call_);
  if (call.told)
    tell_database_listener(
        "the COMMIT that waited has "
        + std::string(call.shut_down ? "been given up after " : "had its answer after ")
        + std::to_string(since(call.begun).count()) + " ms");
}

bool call_deadline::passed() const {
  return watchdog::of_process().is_shut_down(call_);
}

given_up_commit::given_up_commit(std::int64_t process, time_point begun)
    : process_(process), place_(watchdog::of_process().remember(begun)) {}

given_up_commit::~given_up_commit() {
  watchdog::of_process().forget(place_);
}

void given_up_commit::seen() {
  watchdog::of_process().seen(place_);
}

void refuse_cancelled_calls() {
  watchdog::of_process().refuse_cancelled_calls();
}

void tell_database_listener(const std::string& sentence) {
  auto& to = listening::of_process();
  const std::lock_guard lock(to.mutex);
  if (to.listener)
    to.listener(sentence);
}

void set_database_listener(database_listener listener) {
  auto& to = listening::of_process();
  const std::lock_guard lock(to.mutex);
  to.listener = std::move(listener);
}

std::chrono::milliseconds longest_commit_wait() noexcept {
  return watchdog::of_process().longest_commit_wait();
}

void cancel_database_calls() noexcept {
  watchdog::of_process().cancel(true);
}

void permit_database_calls() noexcept {
  watchdog::of_process().cancel(false);
}

} // namespace ledgerd
