#include "actors/ledger/region.hpp"

#include <iterator>
#include <utility>

#include "actors/common/fail_stop.hpp"
#include "actors/common/failpoint.hpp"
#include "actors/ledger/ledger.hpp"
#include "domain/assert.hpp"

namespace ledgerd {

namespace {

using region_pointer = region_actor::stateful_pointer<region_state>;
using tenant_iterator = region_state::tenants::iterator;

ledger_actor spawn_ledger(region_pointer self, const account_key& account) {
  const auto& options = self->state.options;
  const auto gate = account_key_hash{}(account) % options.gates.size();
  ++self->state.counters.spawned;
  return self->spawn<caf::lazy_init>(
      guarded(ledger),
      ledger_options{account, options.gates[gate], region_actor{self}, options.group_max});
}

tenant_iterator move_in(region_pointer self, const account_key& account) {
  auto& state = self->state;
  const auto at = state.staying.emplace(state.staying.end());
  at->account = account;
  at->ledger = spawn_ledger(self, account);
  state.by_account.emplace(account, at);
  return at;
}

void ask_to_leave(region_pointer self, tenant_iterator at) {
  auto& state = self->state;
  at->leaving = true;
  state.leaving.splice(state.leaving.end(), state.staying, at);
  self->send(at->ledger, idle_atom_v);
}

void flush(region_pointer self, region_state::tenant& to) {
  self->send(to.ledger, apply_atom_v, std::exchange(to.held, {}));
}

// Puts each entry to its account's tenant, then sends each tenant what it got.
void deal_out(region_pointer self, std::vector<asked_entry>& arrived) {
  failpoint("region");
  auto& state = self->state;
  const auto now = self->clock().now();
  state.counters.entries += static_cast<std::int64_t>(arrived.size());
  std::vector<tenant_iterator> touched;
  touched.reserve(arrived.size());
  for (auto& next : arrived) {
    const auto found = state.by_account.find(next.asked.account);
    const auto at =
        found != state.by_account.end() ? found->second : move_in(self, next.asked.account);
    if (at->held.empty() && !at->leaving)
      touched.push_back(at);
    at->held.push_back(std::move(next));
  }
  for (const auto at : touched) {
    at->used = now;
    state.staying.splice(state.staying.end(), state.staying, at);
    flush(self, *at);
  }
  // Only those that were not touched just now may go.
  for (auto surplus =
           state.staying.size() - std::min(state.staying.size(), state.options.ledgers_max);
       surplus > 0 && state.staying.front().used < now; --surplus)
    ask_to_leave(self, state.staying.begin());
}

void on_answer(region_pointer self, const account_key& account, bool gone) {
  auto& state = self->state;
  const auto found = state.by_account.find(account);
  LEDGERD_ASSERT(found != state.by_account.end() && found->second->leaving);
  const auto at = found->second;
  if (gone) {
    ++state.counters.passivated;
    if (at->held.empty()) {
      state.leaving.erase(at);
      state.by_account.erase(found);
      return;
    }
    at->ledger = spawn_ledger(self, account);
  }
  at->leaving = false;
  at->used = self->clock().now();
  state.staying.splice(state.staying.end(), state.leaving, at);
  if (!at->held.empty())
    flush(self, *at);
}

void passivate_idle(region_pointer self) {
  auto& state = self->state;
  const auto before = self->clock().now() - state.options.ledger_idle;
  while (!state.staying.empty() && state.staying.front().used < before)
    ask_to_leave(self, state.staying.begin());
}

} // namespace

actor_report region_state::report() const {
  return make_report(name, "0", region_numbers{counters, {.ledgers = by_account.size()}});
}

region_actor::behavior_type region(region_actor::stateful_pointer<region_state> self,
                                   region_options options) {
  LEDGERD_ASSERT(!options.gates.empty());
  self->state.options = std::move(options);
  self->delayed_send(self, self->state.options.beat, tick_atom_v);
  return {
      [=](apply_atom, std::vector<asked_entry>& arrived) { deal_out(self, arrived); },
      [=](idle_atom, const account_key& account, bool gone) { on_answer(self, account, gone); },
      [=](tick_atom) {
        passivate_idle(self);
        self->delayed_send(self, self->state.options.beat, tick_atom_v);
      },
      [=](report_atom) { return self->state.report(); },
  };
}

} // namespace ledgerd
