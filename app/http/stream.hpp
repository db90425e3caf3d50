// A body that goes on: what a route says to one client, piece by piece, for as long as it reads.
//
// The server alone keeps a stream alive, so a route that holds it weakly sees it expire when the
// client has gone, reads too slowly, or had to make room. A piece that has not begun to go out when
// the next one comes is left out: a slow client misses pieces, never their order, and at most two
// are held for it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace ledgerd {

// Thread-safe.
class http_stream {
public:
  // One piece may go to many clients.
  using piece = std::shared_ptr<const std::string>;

  // Goes out as soon as the client has taken what is under way. Nothing after `finish`.
  void say(piece next) { put(std::move(next), false); }

  // The last piece; may be null. Takes the place of one that has not begun to go out.
  void finish(piece last) { put(std::move(last), true); }

  // Ends it without what has not begun to go out.
  void cut() {
    std::function<void()> wake;
    {
      const std::lock_guard lock{mutex_};
      next_ = nullptr;
      over_ = true;
      wake = wake_;
    }
    if (wake)
      wake();
  }

  // The server's: from now on `wake` is called, from any thread, when there is something to do.
  void attach(std::function<void()> wake) {
    const std::lock_guard lock{mutex_};
    wake_ = std::move(wake);
  }

  // The server's: what goes out now, or null. `over`: nothing comes after it.
  piece take(bool& over) {
    const std::lock_guard lock{mutex_};
    over = over_;
    return std::exchange(next_, nullptr);
  }

private:
  void put(piece next, bool last) {
    std::function<void()> wake;
    {
      const std::lock_guard lock{mutex_};
      if (over_)
        return;
      if (next || !last)
        next_ = std::move(next);
      over_ = last;
      wake = wake_;
    }
    if (wake)
      wake();
  }

  std::mutex mutex_;
  std::function<void()> wake_;
  piece next_;
  bool over_ = false;
};

} // namespace ledgerd
