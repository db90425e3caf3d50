#include "actors/common/outbox.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace ledgerd {

namespace {

constexpr std::size_t buckets_kept = 1024;

} // namespace

void outbox::put(outgoing&& message, give_up when, progress_time now) {
  const auto token = message.token;
  const auto [place, is_new] =
      letters_.try_emplace(token, letter{std::move(message), when, now, now, {}});
  LEDGERD_ASSERT(is_new);
  puback_.begin(now);
  options_.to->publish(place->second.message);
}

void outbox::publish_due(progress_time now) {
  for (auto& [token, each] : letters_)
    if (!each.under_way && each.due <= now) {
      each.under_way = true;
      ++each.tries;
      options_.to->publish(each.message);
    }
  // The table keeps as many as it ever needed.
  if (letters_.bucket_count() > buckets_kept && letters_.size() < letters_.bucket_count() / 16)
    letters_.rehash(0);
}

progress_time outbox::oldest(progress_time otherwise) const {
  for (const auto& [token, each] : letters_)
    otherwise = std::min(otherwise, each.since);
  return otherwise;
}

standstill outbox::wait(progress_time now) const {
  return {.since = puback_.since(now),
          .what = last_failure_.empty() ? "no PubAck" : "no PubAck: " + last_failure_,
          .refused = declined_,
          .sending = true};
}

outbox::fate outbox::judge(letter& of, const confirmation& got, progress_time now) {
  LEDGERD_ASSERT(of.under_way);
  auto& row = of.message.new_row;
  if (got.confirmed() && row != 0 && !got.known.empty() && got.known != of.message.payload) {
    of.message.message_id += ".transaction-" + std::to_string(std::exchange(row, 0));
    options_.to->publish(of.message);
    return fate::renamed;
  }
  if (got.confirmed())
    return fate::stored;
  note_failure(of, got);
  if (got.outcome == publish_outcome::too_large && options_.shrink != nullptr
      && options_.shrink(of.message, got.bytes_max)) {
    options_.to->publish(of.message);
    return fate::again;
  }
  const bool mislaid = got.outcome == publish_outcome::mislaid;
  if (mislaid && now - *(of.mislaid = of.mislaid.value_or(now)) >= options_.id_patience) {
    of.message.message_id += ".again";
    of.mislaid.reset();
    options_.to->publish(of.message);
    return fate::again;
  }
  if (got.outcome == publish_outcome::cut_off) {
    of.tried = now;
    of.tries = 0;
  }
  // A publisher waits for longer than the patience: one lost PubAck says nothing of the stream.
  const bool late = of.when == give_up::when_late && !mislaid && of.tries > 1
                    && now - of.tried >= options_.patience;
  if (of.when != give_up::never && (got.is_final() || late))
    return fate::given_up;
  of.under_way = false;
  of.due = now + options_.retry_pause;
  return fate::again;
}

void outbox::note_failure(const letter& of, const confirmation& got) {
  // All else says itself what it is; without a connection the broker's last word is old.
  auto refusal = got.outcome == publish_outcome::unconfirmed
                     ? options_.to->refusal_of(of.message.subject)
                     : std::string();
  declined_ = got.outcome == publish_outcome::declined || got.is_final() || !refusal.empty();
  last_failure_ = refusal.empty() ? got.error : std::move(refusal);
}

void outbox::let_go(std::uint64_t token, progress_time now) {
  const auto found = letters_.find(token);
  LEDGERD_ASSERT(found != letters_.end() && !found->second.under_way);
  letters_.erase(found);
  note_gone(fate::given_up, now);
}

void outbox::note_gone(fate what, progress_time now) {
  if (what == fate::stored) {
    last_failure_.clear();
    declined_ = false;
    puback_.came(now, !letters_.empty());
  } else if (letters_.empty()) {
    puback_.end();
  }
}

} // namespace ledgerd
