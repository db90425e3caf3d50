// The account a pull source keeps of its open requests. Pure: no broker, no clock of its own, one
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace ledgerd {

// A delivery does not say which request it answers. The server serves the waiting requests of a
// consumer in turn, so the book takes turns as well, and a request that ends tells how many
// messages it still owed. Being wrong about the share of one request is harmless: the sum is right,
// and whatever else arrives is surplus.
class pull_book {
public:
  using time_point = std::chrono::steady_clock::time_point;

  struct wish {
    std::uint64_t id = 0;
    std::size_t batch = 0;
    std::chrono::milliseconds expires{0};
  };

  static constexpr std::size_t open_max = 2;
  static constexpr std::chrono::milliseconds heartbeat{1000};
  static constexpr std::chrono::milliseconds expires_short{2000};
  static constexpr std::chrono::milliseconds expires_long{4000};

  explicit pull_book(std::size_t request_max);

  // The next request, if one is due, for a caller that could take `room` messages beside what has
  // arrived; it counts as open from now on. Call until there is none.
  std::optional<wish> next(std::size_t room, time_point now);

  // So many messages have come.
  void arrived(std::size_t count, time_point now);

  // The request is still alive.
  void heard(std::uint64_t id, time_point now);

  // The request is over and `missing` of its messages will not come; without a number, as many as
  // the book thinks.
  void ended(std::uint64_t id, std::optional<std::size_t> missing);

  // Gives up the requests that should be over by now or have been silent for too long; returns how
  // many.
  std::size_t expire(time_point now);

  // The broker takes no larger requests than this.
  void limit_requests(std::size_t batch_max) noexcept;

  // Forgets all requests, also in what is still said of them.
  void clear();

  std::size_t open() const noexcept { return open_.size(); }
  std::size_t outstanding() const noexcept;

private:
  struct request {
    std::uint64_t id;
    std::size_t remaining;
    time_point deadline;
    time_point last_sign;
  };

  std::size_t request_max_;
  std::uint64_t next_id_ = 1;
  std::uint64_t first_id_ = 1;         // what is said of earlier ones is old
  std::deque<request> open_;           // front: the one whose turn is next
  std::deque<std::uint64_t> given_up_; // the last few: what they owed is already written off
};

} // namespace ledgerd
