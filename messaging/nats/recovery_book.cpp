#include "messaging/nats/recovery_book.hpp"

#include <algorithm>
#include <utility>

namespace ledgerd {

bool recovery_book::observe(const stream_state& requests,
                            const std::optional<stream_state>& announcements) {
  const auto made = requests.exists ? requests.created_at_ns : requests_made_;
  const bool requests_anew = std::exchange(requests_made_, made) != made;
  if (requests_anew) {
    swept_ = 0;
    gap_ = false;
    gap_end_ = 0;
    before_floor_.reset();
    delivered_ = 0;
    announced_.clear();
  }
  if (!announcements) {
    unheard_ = true;
    return requests_anew;
  }
  const auto list_made = announcements->exists ? announcements->created_at_ns : -1;
  const auto list_before = std::exchange(announcements_made_, list_made);
  // While nobody led them nobody kept what was announced.
  if (std::exchange(unheard_, false))
    gap_ = true;
  if (led_anew(*announcements))
    gap_ = true;
  if (list_before != list_made) {
    // What the consumer gave up meanwhile was announced to nobody, and nats-server 2.10 moves the
    // floor over it.
    gap_ = gap_ || list_before > 0 || (list_before != 0 && ever_kept_);
    ever_kept_ = ever_kept_ || announcements->exists;
    read_ = 0;
    announced_.clear();
  }
  return requests_anew || list_before != list_made;
}

bool recovery_book::led_anew(const stream_state& announcements) {
  if (announcements.leader.empty())
    return false;
  auto now = std::pair(announcements.leader, announcements.led_since_ns);
  const auto before = std::exchange(led_by_, std::move(now));
  return !before.first.empty() && before != led_by_;
}

void recovery_book::observe(const consumer_state& consumer) {
  const auto before = std::exchange(consumer_made_, consumer.created_at_ns);
  const bool first = before == 0;
  const bool anew = !first && before != consumer.created_at_ns;
  if (!anew && consumer.delivered < delivered_)
    return; // said by a server that does not lead it, or by one that is behind
  delivered_ = consumer.delivered;
  const auto dealt_with = std::exchange(before_floor_, std::nullopt).value_or(swept_);
  if (anew) {
    swept_ = 0;
    gap_end_ = 0;
    announced_.clear();
  }
  const bool limited = consumer.max_deliver != 0;
  const bool was_limited = std::exchange(limited_, limited);
  const bool missing = announcements_made_ == -1 && ever_kept_;
  const bool unannounced = std::exchange(gap_, false) || missing || unheard_;
  if (unannounced && !first && (limited || was_limited)) {
    swept_ = dealt_with;
    gap_end_ = consumer.delivered;
  }
  if (!has_gap())
    believe(consumer.ack_floor, limited && !first);
}

void recovery_book::believe(std::uint64_t floor, bool can_be_revoked) {
  if (can_be_revoked && floor > swept_)
    before_floor_ = swept_;
  swept_to(std::max(swept_, floor));
}

void recovery_book::swept_to(std::uint64_t request) {
  swept_ = request;
  announced_.erase(announced_.begin(), announced_.upper_bound(swept_));
}

} // namespace ledgerd
