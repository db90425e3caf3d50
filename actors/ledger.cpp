#include "actors/ledger.hpp"

#include <algorithm>
#include <iterator>

#include "actors/failpoint.hpp"

namespace ledgerd {

namespace {

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  if (to.empty())
    to = std::move(from);
  else
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

template <class T>
std::vector<T> take_slice(std::vector<T>& from, std::size_t first, std::size_t count) {
  if (first == 0 && count == from.size())
    return std::exchange(from, {});
  const auto begin = std::next(from.begin(), static_cast<std::ptrdiff_t>(first));
  return {std::make_move_iterator(begin),
          std::make_move_iterator(std::next(begin, static_cast<std::ptrdiff_t>(count)))};
}

} // namespace

std::optional<ledger_group> ledger_state::next_group(const ledger_actor& self) {
  const auto left = waiting.entries.size() - taken;
  if (at_gate || left == 0)
    return std::nullopt;
  const auto count = std::min(left, options.group_max);
  ledger_group next{self,
                    {options.account, head, take_slice(waiting.entries, taken, count)},
                    take_slice(waiting.origins, taken, count)};
  taken += count;
  if (count == left) {
    waiting.entries.clear();
    waiting.origins.clear();
    taken = 0;
  }
  at_gate = true;
  return next;
}

ledger_actor::behavior_type ledger(ledger_actor::stateful_pointer<ledger_state> self,
                                   ledger_options options) {
  self->state.options = std::move(options);
  const auto post_next = [self] {
    auto& state = self->state;
    if (auto next = state.next_group(ledger_actor{self}))
      self->send(state.options.gate, post_atom_v, std::move(*next));
  };
  return {
      [=](apply_atom, account_batch& batch) {
        failpoint("ledger");
        auto& waiting = self->state.waiting;
        append(waiting.entries, batch.entries);
        append(waiting.origins, batch.origins);
        post_next();
      },
      [=](head_atom, std::optional<account_head> head) {
        self->state.head = head;
        self->state.at_gate = false;
        post_next();
      },
      [=](idle_atom) {
        auto& state = self->state;
        const auto idle = !state.at_gate && state.waiting.entries.empty();
        self->send(state.options.region, idle_atom_v, state.options.account, idle);
        if (idle)
          self->quit();
      },
  };
}

} // namespace ledgerd
