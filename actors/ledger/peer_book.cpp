#include "actors/ledger/peer_book.hpp"

#include <algorithm>
#include <utility>

#include "domain/assert.hpp"

namespace ledgerd {

peer_book::peer_book(boot_id self, boot_id peer, peer_limits limits)
    : self_(self), peer_(peer), limits_(limits) {
  LEDGERD_ASSERT(limits.entries_max > 0 && limits.entries_max <= frame_entries_max);
}

void peer_book::add(std::vector<asked_entry>&& given) {
  if (!up_) {
    counters_.given_back += static_cast<std::int64_t>(given.size());
    for (auto& each : given)
      give_back(std::move(each));
    return;
  }
  if (waiting_.empty())
    waiting_ = std::move(given);
  else
    std::move(given.begin(), given.end(), std::back_inserter(waiting_));
}

// -- what is heard

void peer_book::take(const line_reply& got) {
  if (got.nobody) {
    if (got.number == probe_ || frames_.contains(got.number))
      set_down("nobody listens");
    return;
  }
  const bool is_ours =
      reader_.read(got.payload, read_) && read_.from == peer_
      && (read_.to == self_ || (read_.to == boot_id{} && read_.refusal != link_refusal::none));
  if (!is_ours) {
    ++counters_.damaged;
    return;
  }
  if (read_.refusal != link_refusal::none)
    return refused(got.number, read_.refusal);
  heard_from_peer();
  for (const auto number : read_.holding)
    if (const auto found = frames_.find(number); found != frames_.end())
      stale(found->second);
  for (auto& each : read_.answers)
    settle(each);
}

void peer_book::heard_from_peer() {
  heard_ = lived_;
  probed_.reset();
  up_ = true;
  trouble_.clear();
}

void peer_book::refused(std::uint64_t number, link_refusal why) {
  ++counters_.frames_refused;
  const auto found = frames_.find(number);
  if (found == frames_.end() && number != probe_)
    return;
  auto text = "our frame " + std::string{to_text(why)} + ", it says";
  if (why != link_refusal::damaged)
    return set_down(std::move(text));
  trouble_ = std::move(text);
  heard_ = lived_;
  if (found != frames_.end())
    give_back(found);
}

peer_book::sent_entry* peer_book::find(std::uint64_t number, std::uint32_t place) {
  const auto found = frames_.find(number);
  if (found == frames_.end())
    return nullptr;
  auto& entries = found->second.entries;
  if (place < entries.size() && entries[place].place == place)
    return &entries[place];
  const auto at = std::lower_bound(
      entries.begin(), entries.end(), place,
      [](const sent_entry& one, std::uint32_t wanted) { return one.place < wanted; });
  return at != entries.end() && at->place == place ? &*at : nullptr;
}

void peer_book::settle(link_answer& got) {
  auto* whom = find(got.number, got.place);
  if (whom == nullptr || !whom->open) {
    ++counters_.late;
    return;
  }
  if (got.fate == link_fate::decided && !complete_answer(whom->what.asked, got.verdict)) {
    ++counters_.damaged;
    got.fate = link_fate::returned; // asked again it would say the same
  }
  --under_way_;
  settle(*whom, got);
  const auto at = frames_.find(got.number);
  stale(at->second);
  if (--at->second.open == 0)
    return leave(at);
  // What one account holds back must not hold the memory of all others.
  auto& entries = at->second.entries;
  if (entries.size() >= 64 && at->second.open * 8 < entries.size())
    std::erase_if(entries, [](const sent_entry& each) { return !each.open; });
}

void peer_book::settle(sent_entry& whom, link_answer& got) {
  whom.open = false;
  const auto tag = whom.what.from.tag;
  switch (got.fate) {
  case link_fate::decided:
    answer(whom.what.from, {tag, std::move(got.verdict), {}, false});
    break;
  case link_fate::failed:
    answer(whom.what.from, {tag, std::nullopt, std::move(got.failure), false});
    break;
  case link_fate::later:
    answer(whom.what.from, {tag, std::nullopt, {}, true});
    break;
  case link_fate::returned:
    ++counters_.returned;
    give_back(std::move(whom.what));
    break;
  case link_fate::full:
    ++counters_.full;
    send_later(std::move(whom.what));
    break;
  }
}

// It goes on waiting, as it would in a queue of our own, for as long as the peer serves.
void peer_book::send_later(asked_entry&& one) {
  waiting_.push_back(std::move(one));
  window_ = std::min(window_, std::max<std::size_t>(under_way_, 1));
}

void peer_book::answer(const origin& whom, ticketed_answer&& what) {
  ++counters_.answered;
  auto page = std::find_if(answers_.begin(), answers_.end(),
                           [&](const auto& each) { return each.first == whom.asker; });
  if (page == answers_.end())
    page = answers_.insert(page, {whom.asker, {}});
  page->second.push_back(std::move(what));
}

// -- what comes back

void peer_book::give_back(asked_entry&& one) {
  if (one.hops_left > 0)
    --one.hops_left;
  given_back_.push_back(std::move(one));
}

void peer_book::give_back(frame_map::iterator at) {
  for (auto& each : at->second.entries)
    if (each.open)
      give_back(std::move(each.what));
  under_way_ -= at->second.open;
  counters_.given_back += static_cast<std::int64_t>(at->second.open);
  leave(at);
}

void peer_book::give_back_all() {
  while (!frames_.empty())
    give_back(frames_.begin());
  counters_.given_back += static_cast<std::int64_t>(waiting_.size() - taken_);
  for (; taken_ < waiting_.size(); ++taken_)
    give_back(std::move(waiting_[taken_]));
  waiting_.clear();
  taken_ = 0;
}

void peer_book::leave(frame_map::iterator at) {
  fresh_ -= at->second.fresh ? 1 : 0;
  due_ -= at->second.due ? 1 : 0;
  frames_.erase(at);
}

void peer_book::set_down(std::string why) {
  trouble_ = std::move(why);
  counters_.downs += up_ ? 1 : 0;
  up_ = false;
  probed_.reset();
  give_back_all();
}

// -- time

// There was a sign of this very frame: its patience begins anew, and it makes room for others.
void peer_book::stale(frame& one) {
  doubted_ = false;
  one.heard = lived_;
  one.tries = 0;
  fresh_ -= std::exchange(one.fresh, false) ? 1 : 0;
  due_ -= std::exchange(one.due, false) ? 1 : 0;
}

void peer_book::look(time_point now) {
  if (looked_)
    lived_ += std::min<span>(now - *looked_, limits_.look_max);
  looked_ = now;
  window_ = std::min(window_ + window_ / 16 + 64, window_max);
  if (too_silent())
    return set_down("it is silent");
  judge_frames();
}

bool peer_book::too_silent() const {
  if (!up_)
    return false;
  if (under_way_ > 0)
    return lived_ - std::max(heard_, owed_) >= limits_.patience;
  return probed_ && lived_ - *probed_ >= limits_.probe_patience;
}

// In doubt the same time has to do for a frame and one repetition of it, to which a peer that is
// slow says that it has the frame.
void peer_book::judge_frames() {
  const auto tries_max = doubted_ ? 1 : limits_.tries_max;
  const auto patience = doubted_ ? limits_.patience / 2 : limits_.patience;
  for (auto& [number, one] : frames_) {
    if (one.fresh && lived_ - one.sent >= limits_.fresh) {
      one.fresh = false;
      --fresh_;
    }
    if (lived_ - one.heard >= patience) {
      if (one.tries >= tries_max) {
        doubted_ = true;
        return set_down("it answers, but not a frame");
      }
      ++one.tries;
      one.heard = lived_;
      due_ += std::exchange(one.due, true) ? 0 : 1;
    }
  }
}

// -- what is sent

std::optional<peer_book::sending> peer_book::next(std::size_t bytes_max) {
  if (due_ > 0)
    for (auto& [number, one] : frames_)
      if (one.due)
        return send_again(number, one);
  if (up_ ? lived_ - std::max(heard_, last_probed_.value_or(heard_)) >= limits_.probe_after
          : !last_probed_ || lived_ - *last_probed_ >= limits_.probe_again)
    return send_probe();
  if (up_ && fresh_ < limits_.frames_max && under_way_ < window_ && taken_ < waiting_.size())
    return send_waiting(bytes_max);
  return std::nullopt;
}

peer_book::sending peer_book::send_again(std::uint64_t number, frame& one) {
  one.due = false;
  --due_;
  writer_.begin(self_, peer_, number);
  for (const auto& each : one.entries)
    if (each.open)
      writer_.add(each.place, each.what.asked, each.what.stream_seq, each.what.bytes);
  ++counters_.frames_again;
  return {number, writer_.finish()};
}

peer_book::sending peer_book::send_probe() {
  last_probed_ = lived_;
  if (up_ && !probed_)
    probed_ = lived_;
  probe_ = ++last_number_;
  writer_.begin(self_, peer_, probe_);
  return {probe_, writer_.finish()};
}

peer_book::sending peer_book::send_waiting(std::size_t bytes_max) {
  const auto number = ++last_number_;
  auto& one = frames_[number];
  one.heard = one.sent = lived_;
  ++fresh_;
  const auto room = std::min(bytes_max, limits_.bytes_max);
  const auto count_max =
      std::min({waiting_.size() - taken_, limits_.entries_max, window_ - under_way_});
  one.entries.reserve(count_max);
  writer_.begin(self_, peer_, number);
  std::uint32_t count = 0;
  while (count < count_max) {
    auto& each = waiting_[taken_ + count];
    if (count > 0 && writer_.bytes() + frame_writer::bytes_of(each.asked) > room)
      break;
    writer_.add(count, each.asked, each.stream_seq, each.bytes);
    one.entries.push_back({count, true, std::move(each)});
    ++count;
  }
  taken_ += count;
  // What has gone is dropped when it is half of all, so that each is moved once on average.
  if (taken_ * 2 >= waiting_.size())
    waiting_.erase(waiting_.begin(),
                   waiting_.begin() + static_cast<std::ptrdiff_t>(std::exchange(taken_, 0)));
  one.open = count;
  if (under_way_ == 0)
    owed_ = lived_;
  under_way_ += count;
  counters_.forwarded += count;
  ++counters_.frames;
  return {number, writer_.finish()};
}

} // namespace ledgerd
