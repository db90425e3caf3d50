#include "messaging/nats/pull_book.hpp"

#include <algorithm>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

constexpr auto expiry_grace = std::chrono::milliseconds(500);
constexpr std::size_t given_up_max = 16;
constexpr auto unlimited = std::numeric_limits<std::size_t>::max();
constexpr auto silence_max = pull_book::heartbeat * 5 / 2;

} // namespace

pull_book::pull_book(std::size_t request_max) : own_max_(request_max), request_max_(request_max) {
  LEDGERD_ASSERT(request_max > 0);
}

capacity pull_book::outstanding_room() const noexcept {
  capacity sum{0, 0};
  for (const auto& one : open_) {
    sum.messages += one.remaining;
    sum.bytes += one.bytes;
  }
  return sum;
}

std::size_t pull_book::bytes_needed() const noexcept {
  return std::min({std::max(std::min(message_max_, room_.bytes() / 2), raised_need_), room_.bytes(),
                   request_bytes_max_});
}

std::optional<pull_book::wish> pull_book::open_request(std::size_t batch, std::size_t bytes,
                                                       std::chrono::milliseconds expires,
                                                       time_point now) {
  const auto limit = comes_alone() || bytes == unlimited ? 0 : std::min(bytes, request_bytes_max_);
  const auto reserved = comes_alone() ? bytes : limit;
  open_.push_back({next_id_, batch, batch, reserved, limit, now + expires + expiry_grace, now});
  return wish{next_id_++, batch, limit, expires};
}

std::optional<pull_book::wish> pull_book::next(const capacity& room, time_point now) {
  forget_limits(now);
  if (room.messages > 0)
    room_.look(room, now);
  const auto asked = outstanding_room();
  const auto wanted = room.messages > asked.messages ? room.messages - asked.messages : 0;
  if (wanted == 0 || open_.size() == open_max)
    return std::nullopt;
  const bool limited = room.bytes != unlimited;
  const auto bytes = !limited ? unlimited : room.bytes > asked.bytes ? room.bytes - asked.bytes : 0;
  if (limited && comes_alone()) {
    if (!open_.empty() || !room_.is_back(room))
      return std::nullopt;
    return open_request(1, bytes, expires_short, now);
  }
  const auto needed = bytes_needed();
  if (limited && (bytes == 0 || bytes < needed))
    return std::nullopt;
  if (open_.empty()) {
    // Part of the room, and not for long: the second request then runs out, and ends, at another
    // time than this one, so that there is always one open.
    const auto part = limited ? bytes - bytes / 3 : unlimited;
    return open_request(std::min(request_max_, wanted - wanted / 3), std::max(part, needed),
                        expires_short, now);
  }
  const auto remaining = open_.front().remaining;
  auto batch = std::min(request_max_, wanted);
  if (2 * batch < std::min(remaining, request_max_))
    return std::nullopt; // not worth it yet
  const bool would_run_in_step = 4 * batch > 3 * remaining && 3 * batch < 4 * remaining;
  if (would_run_in_step)
    batch = std::max<std::size_t>(1, remaining / 2);
  return open_request(batch, bytes, expires_long, now);
}

void pull_book::arrived(const capacity& what, time_point now) {
  auto count = what.messages;
  if (count == 0)
    return;
  alone_ = false;
  for (auto& one : open_)
    one.last_sign = now;
  auto bytes = what.bytes;
  for (auto left = open_.size(); auto& one : open_) { // an even share, the rest to the last
    const auto share = std::min(one.bytes, bytes / left--);
    one.bytes -= share;
    bytes -= share;
  }
  while (count > 0 && !open_.empty()) {
    auto share = std::min(count / open_.size(), open_.front().remaining);
    for (const auto& one : open_)
      share = std::min(share, one.remaining);
    if (share > 0) {
      for (auto& one : open_)
        one.remaining -= share;
      count -= share * open_.size();
    } else {
      --open_.front().remaining;
      --count;
      open_.push_back(open_.front());
      open_.pop_front();
    }
    std::erase_if(open_, [](const request& one) { return one.remaining == 0; });
  }
}

void pull_book::heard(std::uint64_t id, time_point now) {
  for (auto& one : open_)
    if (one.id == id)
      one.last_sign = now;
}

void pull_book::too_small(std::uint64_t id, std::optional<std::size_t> missing, time_point now) {
  const auto found =
      std::find_if(open_.begin(), open_.end(), [&](const request& one) { return one.id == id; });
  if (found == open_.end() || missing.value_or(found->remaining) < found->batch)
    return; // it has brought something, and a fresh one has room for more
  if (found->bytes_asked >= std::min(room_.bytes(), request_bytes_max_))
    alone_ = true;
  else
    raised_need_ = std::max(raised_need_, 2 * std::max<std::size_t>(found->bytes_asked, 1));
  raised_at_ = now;
}

void pull_book::ended(std::uint64_t id, std::optional<std::size_t> missing,
                      std::optional<std::size_t> missing_bytes) {
  const bool known = id >= first_id_ && id < next_id_
                     && std::find(given_up_.begin(), given_up_.end(), id) == given_up_.end();
  if (!known)
    return;
  const auto found =
      std::find_if(open_.begin(), open_.end(), [&](const request& one) { return one.id == id; });
  if (found == open_.end() && missing == 0)
    return; // "Batch Completed" of one that is full here too: its room in bytes went with it
  const auto share = found != open_.end() ? found->remaining : 0;
  const auto share_bytes = found != open_.end() ? found->bytes : 0;
  if (found != open_.end())
    open_.erase(found);
  // What the book had put down to this request wrongly is the others', and the other way round.
  const auto even_out = [this](std::size_t request::*part, std::size_t thought, std::size_t gone) {
    if (gone < thought && !open_.empty())
      open_.front().*part += thought - gone;
    auto too_much = gone - std::min(gone, thought);
    for (auto& one : open_) {
      const auto wrong = std::min(too_much, one.*part);
      one.*part -= wrong;
      too_much -= wrong;
    }
  };
  even_out(&request::remaining, share, missing.value_or(share));
  even_out(&request::bytes, share_bytes, missing_bytes.value_or(share_bytes));
  std::erase_if(open_, [](const request& one) { return one.remaining == 0; });
}

std::size_t pull_book::expire(time_point now) {
  return std::erase_if(open_, [&](const request& one) {
    const bool over = now >= one.deadline || now - one.last_sign >= silence_max;
    if (over)
      given_up_.push_back(one.id);
    if (given_up_.size() > given_up_max)
      given_up_.pop_front();
    return over;
  });
}

void pull_book::limit_requests(std::size_t batch_max, time_point now) noexcept {
  request_max_ = std::min(request_max_, std::max<std::size_t>(batch_max, 1));
  limited_at_ = now;
}

void pull_book::limit_request_bytes(std::size_t bytes_max, time_point now) noexcept {
  request_bytes_max_ = std::min(request_bytes_max_, std::max<std::size_t>(bytes_max, 1));
  limited_at_ = now;
}

void pull_book::forget_limits(time_point now) noexcept {
  if (now - raised_at_ >= raised_lasts)
    raised_need_ = 0;
  if (!limited_at_ || now - *limited_at_ < limit_lasts)
    return;
  limited_at_.reset();
  request_max_ = own_max_;
  request_bytes_max_ = unlimited;
  alone_ = false;
}

void pull_book::clear() {
  open_.clear();
  given_up_.clear();
  first_id_ = next_id_;
}

} // namespace ledgerd
