#include "actors/ledger/ledger.hpp"
#include "domain/failpoint.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ledgerd {

namespace {

std::vector<asked_entry> take_slice(std::vector<asked_entry>& from, std::size_t first,
                                    std::size_t count) {
  if (first == 0 && count == from.size())
    return std::exchange(from, {});
  const auto begin = std::next(from.begin(), static_cast<std::ptrdiff_t>(first));
  return {std::make_move_iterator(begin),
          std::make_move_iterator(std::next(begin, static_cast<std::ptrdiff_t>(count)))};
}

// Memory follows what waits.
void drop_front(std::vector<asked_entry>& from, std::size_t count) {
  from.erase(from.begin(), std::next(from.begin(), static_cast<std::ptrdiff_t>(count)));
  if (from.capacity() > 64 && from.capacity() / 4 > from.size())
    from.shrink_to_fit();
}

void give_back(ledger_actor::stateful_pointer<ledger_state> self) {
  std::vector<std::pair<answer_sink, std::vector<ticketed_answer>>> pages;
  for (const auto& [asker, tag] : self->state.take_surplus()) {
    if (pages.empty() || pages.back().first != asker)
      pages.push_back({asker, {}});
    pages.back().second.push_back({tag, std::nullopt, {}, true});
  }
  for (auto& [asker, answers] : pages)
    self->send(asker, answer_atom_v, std::move(answers));
}

} // namespace

std::optional<ledger_group> ledger_state::next_group(const ledger_actor& self) {
  if (at_gate || count_waiting() == 0)
    return std::nullopt;
  const auto [count, bytes] = fitting(options.group_max);
  ledger_group next{self, options.account, head, take_slice(waiting, taken, count)};
  // What has gone is dropped when it is half of all, so that an entry is moved once on average,
  // however long there is a backlog.
  taken = waiting.empty() ? 0 : taken + count;
  if (taken * 2 >= waiting.size())
    drop_front(waiting, std::exchange(taken, 0));
  bytes_waiting -= bytes;
  bytes_at_gate = bytes;
  at_gate = true;
  return next;
}

void ledger_state::add(std::vector<asked_entry>&& arrived) {
  const auto known = static_cast<std::ptrdiff_t>(waiting.size());
  if (waiting.empty())
    waiting = std::move(arrived);
  else
    std::move(arrived.begin(), arrived.end(), std::back_inserter(waiting));
  const auto earlier = [](const asked_entry& one, const asked_entry& other) {
    return one.stream_seq < other.stream_seq;
  };
  const auto first = std::next(waiting.begin(), static_cast<std::ptrdiff_t>(taken));
  const auto fresh = std::next(waiting.begin(), known);
  bool in_order = true;
  for (auto at = fresh; at != waiting.end(); ++at) {
    bytes_waiting += at->bytes;
    in_order = in_order && (at == first || !earlier(*at, *std::prev(at)));
  }
  if (in_order)
    return;
  std::stable_sort(fresh, waiting.end(), earlier);
  std::inplace_merge(first, fresh, waiting.end(), earlier);
}

std::vector<asked_entry> ledger_state::take_forwardable() {
  drop_front(waiting, std::exchange(taken, 0));
  const auto first = std::stable_partition(
      waiting.begin(), waiting.end(), [](const asked_entry& each) { return each.hops_left == 0; });
  std::vector<asked_entry> result{std::make_move_iterator(first),
                                  std::make_move_iterator(waiting.end())};
  waiting.erase(first, waiting.end());
  for (const auto& each : result)
    bytes_waiting -= each.bytes;
  return result;
}

capacity ledger_state::fitting(const capacity& room) const {
  const auto left = count_waiting();
  if (left <= room.messages && bytes_waiting <= room.bytes)
    return {left, bytes_waiting};
  const auto most = std::min(left, room.messages);
  capacity result{0, 0};
  for (auto at = taken; result.messages < most; ++at, ++result.messages) {
    if (result.messages > 0 && result.bytes + waiting[at].bytes > room.bytes)
      break;
    result.bytes += waiting[at].bytes;
  }
  return result;
}

std::vector<origin> ledger_state::take_surplus() {
  const auto [count, bytes] =
      fitting({hold.messages, hold.bytes - std::min(hold.bytes, bytes_at_gate)});
  if (count == count_waiting())
    return {};
  bytes_waiting = bytes;
  const auto first = std::next(waiting.begin(), static_cast<std::ptrdiff_t>(taken + count));
  std::vector<origin> result;
  std::transform(first, waiting.end(), std::back_inserter(result),
                 [](asked_entry& each) { return std::move(each.from); });
  waiting.erase(first, waiting.end());
  return result;
}

ledger_actor::behavior_type ledger(ledger_actor::stateful_pointer<ledger_state> self,
                                   ledger_options options) {
  self->state.options = std::move(options);
  const auto post_next = [self] {
    auto& state = self->state;
    if (auto next = state.next_group(ledger_actor{self}))
      self->send(state.options.gate, post_atom_v, std::move(*next));
  };
  // The only way to quit, so that nothing is sent to a ledger that has.
  const auto answer_whether_gone = [self] {
    const auto& state = self->state;
    self->send(state.options.region, idle_atom_v, state.options.account, !state.has_work());
    if (!state.has_work())
      self->quit();
  };
  return {
      [=](apply_atom, std::vector<asked_entry>& arrived) {
        failpoint("ledger");
        self->state.add(std::move(arrived));
        post_next();
        give_back(self);
      },
      [=](head_atom, std::optional<account_head> head) {
        auto& state = self->state;
        state.head = head;
        state.at_gate = false;
        state.bytes_at_gate = 0;
        post_next();
        if (!state.has_work() && std::exchange(state.yielding, false))
          self->send(state.options.region, yield_atom_v, state.options.account);
      },
      [=](hold_atom, const capacity& hold) {
        self->state.hold = hold;
        give_back(self);
      },
      [=](idle_atom) { answer_whether_gone(); },
      [=](yield_atom) {
        auto& state = self->state;
        if (auto theirs = state.take_forwardable(); !theirs.empty())
          self->send(state.options.region, apply_atom_v, std::move(theirs));
        state.yielding = state.has_work();
        answer_whether_gone();
      },
  };
}

} // namespace ledgerd
