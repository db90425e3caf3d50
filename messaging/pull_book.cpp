#include "messaging/pull_book.hpp"

#include <algorithm>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

constexpr auto expiry_grace = std::chrono::milliseconds(500);
constexpr std::size_t given_up_max = 16;
constexpr auto silence_max = pull_book::heartbeat * 5 / 2;

} // namespace

pull_book::pull_book(std::size_t request_max) : request_max_(request_max) {
  LEDGERD_ASSERT(request_max > 0);
}

std::size_t pull_book::outstanding() const noexcept {
  std::size_t sum = 0;
  for (const auto& one : open_)
    sum += one.remaining;
  return sum;
}

std::optional<pull_book::wish> pull_book::next(std::size_t room, time_point now) {
  const auto asked = outstanding();
  const auto wanted = room > asked ? room - asked : 0;
  if (wanted == 0 || open_.size() == open_max)
    return std::nullopt;
  std::size_t batch = 0;
  auto expires = expires_long;
  if (open_.empty()) {
    // Part of the room, and not for long: the second request then runs out, and ends, at another
    // time than this one, so that there is always one open.
    batch = std::min(request_max_, wanted - wanted / 3);
    expires = expires_short;
  } else {
    const auto remaining = open_.front().remaining;
    batch = std::min(request_max_, wanted);
    if (2 * batch < std::min(remaining, request_max_))
      return std::nullopt; // not worth it yet
    const bool would_run_in_step = 4 * batch > 3 * remaining && 3 * batch < 4 * remaining;
    if (would_run_in_step)
      batch = std::max<std::size_t>(1, remaining / 2);
  }
  open_.push_back({next_id_, batch, now + expires + expiry_grace, now});
  return wish{next_id_++, batch, expires};
}

void pull_book::arrived(std::size_t count, time_point now) {
  if (count == 0)
    return;
  for (auto& one : open_)
    one.last_sign = now;
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

void pull_book::ended(std::uint64_t id, std::optional<std::size_t> missing) {
  const bool known = id >= first_id_ && id < next_id_
                     && std::find(given_up_.begin(), given_up_.end(), id) == given_up_.end();
  if (!known)
    return;
  const auto found =
      std::find_if(open_.begin(), open_.end(), [&](const request& one) { return one.id == id; });
  const auto share = found != open_.end() ? found->remaining : 0;
  if (found != open_.end())
    open_.erase(found);
  // What the book had put down to this request wrongly is the others', and the other way round.
  const auto gone = missing.value_or(share);
  if (gone < share && !open_.empty())
    open_.front().remaining += share - gone;
  auto too_much = gone - std::min(gone, share);
  for (auto& one : open_) {
    const auto part = std::min(too_much, one.remaining);
    one.remaining -= part;
    too_much -= part;
  }
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

void pull_book::limit_requests(std::size_t batch_max) noexcept {
  request_max_ = std::min(request_max_, std::max<std::size_t>(batch_max, 1));
}

void pull_book::clear() {
  open_.clear();
  given_up_.clear();
  first_id_ = next_id_;
}

} // namespace ledgerd
