// The account a pull source keeps of its open requests. Pure: no broker, no clock of its own, one
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "messaging/nats/lasting_room.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// A delivery does not say which request it answers. The server serves the waiting requests of a
// consumer in turn, so the book takes turns as well, and a request that ends tells how many
// messages it still owed. Being wrong about the share of one request is harmless: the sum is right,
// and whatever else arrives is surplus.
//
// Room is in messages and in bytes. The broker ends a request when the next message is larger than
// what is left of its bytes, and hands that message to the next request, so each should have bytes
// enough for one message of any size: no request is made for less than the largest message, or than
// half of the room. Whoever is refused a larger one makes no request for less than twice as much
// for a while: nats-server before 2.10.14 may bring what it has refused again much later. What is
// larger than all the room is asked for alone, without a limit, when nothing is held.
//
// Room and "nothing" are beside what stays held, by lasting_room: one message may be in hand beyond
// the credit, and where what stays has used up the credit, one more.
class pull_book {
public:
  using time_point = std::chrono::steady_clock::time_point;

  struct wish {
    std::uint64_t id = 0;
    std::size_t batch = 0;
    std::size_t bytes = 0; // 0: without limit
    std::chrono::milliseconds expires{0};
  };

  static constexpr std::size_t open_max = 2;
  static constexpr std::chrono::milliseconds heartbeat{1000};
  static constexpr std::chrono::milliseconds expires_short{2000};
  static constexpr std::chrono::milliseconds expires_long{4000};

  explicit pull_book(std::size_t request_max);

  // The next request, if one is due, for a caller that could take `room` beside what has arrived;
  // it counts as open from now on. Call until there is none.
  std::optional<wish> next(const capacity& room, time_point now);

  // So many messages have come, of so many bytes together.
  void arrived(const capacity& what, time_point now);

  // The request is still alive.
  void heard(std::uint64_t id, time_point now);

  // The request is over and `missing` of its messages and bytes will not come; without a number, as
  // many as the book thinks.
  void ended(std::uint64_t id, std::optional<std::size_t> missing,
             std::optional<std::size_t> missing_bytes = std::nullopt);

  // The request is over because the next message is larger than what was left of its bytes. Call
  // before `ended`.
  void too_small(std::uint64_t id, std::optional<std::size_t> missing, time_point now);

  // Gives up the requests that should be over by now or have been silent for too long; returns how
  // many.
  std::size_t expire(time_point now);

  // The broker takes no larger requests than this. Forgotten after a while: somebody may have taken
  // it back, and where not, the broker says so again.
  void limit_requests(std::size_t batch_max, time_point now) noexcept;
  void limit_request_bytes(std::size_t bytes_max, time_point now) noexcept;

  // The largest message to be expected, in bytes.
  void expect_messages_of(std::size_t bytes_max) noexcept { message_max_ = bytes_max; }

  // Forgets all requests, also in what is still said of them.
  void clear();

  std::size_t open() const noexcept { return open_.size(); }
  std::size_t outstanding() const noexcept { return outstanding_room().messages; }
  capacity outstanding_room() const noexcept;

private:
  struct request {
    std::uint64_t id;
    std::size_t batch;
    std::size_t remaining;
    std::size_t bytes; // reserved and not used yet
    std::size_t bytes_asked;
    time_point deadline;
    time_point last_sign;
  };

  // The least bytes that a request is made for.
  std::size_t bytes_needed() const noexcept;
  // The next message is asked for without a limit and without another.
  bool comes_alone() const noexcept { return alone_ || room_.bytes() == 0; }
  std::optional<wish> open_request(std::size_t batch, std::size_t bytes,
                                   std::chrono::milliseconds expires, time_point now);

  static constexpr std::chrono::seconds limit_lasts{30};
  static constexpr std::chrono::seconds raised_lasts{120};

  void forget_limits(time_point now) noexcept;

  const std::size_t own_max_; // messages of a request
  std::size_t request_max_;
  std::size_t request_bytes_max_ = std::numeric_limits<std::size_t>::max();
  std::optional<time_point> limited_at_;
  std::size_t message_max_ = 0;
  std::size_t raised_need_ = 0; // since a fresh request was too small
  time_point raised_at_;
  bool alone_ = false; // the next message is larger than all the room there is
  lasting_room room_;
  std::uint64_t next_id_ = 1;
  std::uint64_t first_id_ = 1;         // what is said of earlier ones is old
  std::deque<request> open_;           // front: the one whose turn is next
  std::deque<std::uint64_t> given_up_; // the last few: what they owed is already written off
};

} // namespace ledgerd
