// How far a recovery source has come. Pure: no broker, one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "messaging/broker.hpp"

namespace ledgerd {

// Everything here is a sequence number, and so belongs to one life of the stream that gave it: of
// the requests, of the announcements, or of the consumer.
class recovery_book {
public:
  // The two streams as they are now; no announcements: they are silent. True when one of them is
  // not the one of the last time.
  bool observe(const stream_state& requests, const std::optional<stream_state>& announcements);

  // The announcements could not be asked for: what the consumer gives up until it is observed again
  // is announced to nobody.
  void announcements_unheard() { unheard_ = true; }

  // The consumer, asked after the streams, and before the announcements are read: what it has given
  // up and left behind is among them. One without a limit has given nothing up since the last time.
  // The first time its floor is believed: of what was before, nothing is known.
  void observe(const consumer_state& consumer);

  // The last announcement that is dealt with.
  std::uint64_t read() const noexcept { return read_; }
  void read_to(std::uint64_t announcement) noexcept { read_ = announcement; }

  // Requests lie before a sweep that were perhaps given up, whatever the floor says.
  bool has_gap() const noexcept { return swept_ < gap_end_; }

  // The last request that a sweep has dealt with.
  std::uint64_t swept() const noexcept { return swept_; }
  void swept_to(std::uint64_t request);

  // A request that an announcement has named; a sweep need not hand it out again.
  void announced(std::uint64_t request) {
    if (request > swept_)
      announced_.insert(request);
  }
  bool is_announced(std::uint64_t request) const { return announced_.contains(request); }

private:
  bool led_anew(const stream_state& announcements);
  void believe(std::uint64_t floor, bool can_be_revoked);

  std::int64_t requests_made_ = 0;      // creation times in nanoseconds; 0: not seen yet
  std::int64_t announcements_made_ = 0; // -1: seen missing
  std::int64_t consumer_made_ = 0;
  std::uint64_t delivered_ = 0; // by the consumer
  bool limited_ = false;        // it was, the last time
  std::uint64_t read_ = 0;
  std::uint64_t swept_ = 0;
  bool ever_kept_ = false;                      // there has been a stream of announcements
  std::pair<std::string, std::int64_t> led_by_; // who leads the announcements, and since when
  bool unheard_ = false;                        // they are silent, or were until now
  bool gap_ = false;                            // announcements may be missing
  std::uint64_t gap_end_ = 0; // up to here the acknowledgement floor proves nothing
  // Where a sweep stood before the last floor was believed. The next look may show that nobody led
  // the announcements by then.
  std::optional<std::uint64_t> before_floor_;
  std::set<std::uint64_t> announced_; // after `swept_`
};

} // namespace ledgerd
