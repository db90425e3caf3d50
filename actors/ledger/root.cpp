#include "actors/ledger/root.hpp"

#include <algorithm>
#include <memory>

#include <spdlog/spdlog.h>

#include "actors/common/failpoint.hpp"
#include "actors/ledger/fetcher.hpp"
#include "actors/ledger/gate.hpp"
#include "actors/ledger/poster.hpp"
#include "actors/ledger/region.hpp"
#include "actors/ledger/responder.hpp"
#include "domain/assert.hpp"

namespace ledgerd {

namespace {

using ledger_root_pointer = ledger_root_actor::stateful_pointer<ledger_root_state>;

void spawn_gates(ledger_root_pointer self, const ledger_root_options& options) {
  auto& state = self->state;
  std::size_t credit = 0;
  for (const auto& ports : options.fetchers)
    credit += ports.credit.messages;
  for (std::size_t i = 0; i < options.stores.size(); ++i) {
    const auto spawn_poster = [&](const std::shared_ptr<ledger_store>& store, const char* kind,
                                  duty what) {
      return state.children.add(options.detach ? self->spawn<caf::detached>(guarded(poster), store)
                                               : self->spawn(guarded(poster), store),
                                {kind, std::to_string(i), what, false});
    };
    gate_options gate_config{
        .poster = spawn_poster(options.stores[i], "poster", duty::moves_money),
        .side_poster = spawn_poster(options.side_stores[i], "side poster", duty::answers),
        .node = ledger_root_actor{self},
        .index = static_cast<std::uint32_t>(i),
        .batch_max = options.batch_max,
        // What is set aside must leave most of the credit to all others.
        .aside_max = std::max<std::size_t>(1, credit / 4 / options.stores.size())};
    state.gates.push_back(state.children.add(self->spawn(guarded(gate), std::move(gate_config)),
                                             {gate_state::name, std::to_string(i)}));
  }
  state.circuits.assign(state.gates.size(), false);
}

void spawn_region(ledger_root_pointer self, const ledger_root_options& options) {
  region_options config{.gates = self->state.gates,
                        .ledgers_max = options.ledgers_max,
                        .ledger_idle = options.ledger_idle,
                        .group_max = options.batch_max};
  self->state.region = self->state.children.add(self->spawn(guarded(region), std::move(config)),
                                                {region_state::name});
}

void spawn_fetchers(ledger_root_pointer self, const ledger_root_options& options) {
  for (const auto& ports : options.fetchers) {
    fetcher_options config{.instance = ports.instance,
                           .node_name = options.node_name,
                           .source = ports.source,
                           .results = ports.results,
                           .currencies = options.currencies,
                           .rules = options.rules,
                           .lookup = options.lookup,
                           .region = self->state.region,
                           .credit = ports.credit,
                           .attempts_max = options.attempts_max,
                           .postpones = ports.postpones,
                           .lease = options.lease};
    self->state.fetchers.push_back(self->state.children.add(
        self->spawn(guarded(fetcher), std::move(config)), {fetcher_state::name, ports.instance}));
  }
}

void spawn_responder(ledger_root_pointer self, const ledger_root_options& options) {
  if (!options.desk)
    return;
  responder_options config{options.desk, options.reader, options.currencies};
  self->state.children.add(options.detach
                               ? self->spawn<caf::detached>(guarded(responder), std::move(config))
                               : self->spawn(guarded(responder), std::move(config)),
                           {responder_state::name, {}, duty::answers});
}

// Fetchers pull only while every gate can reach the database: an entry may need any of them.
void on_circuit(ledger_root_pointer self, std::uint32_t index, bool open) {
  auto& state = self->state;
  LEDGERD_ASSERT(index < state.circuits.size());
  state.circuits[index] = open;
  const auto paused =
      std::find(state.circuits.begin(), state.circuits.end(), true) != state.circuits.end();
  if (paused == state.paused)
    return;
  state.paused = paused;
  spdlog::warn("{}", paused ? "database away: pulling stops, what is held is kept alive"
                            : "database back: pulling goes on");
  for (const auto& to : state.fetchers)
    self->send(to, circuit_atom_v, paused);
}

void call_the_roll(ledger_root_pointer self) {
  failpoint("node");
  self->state.children.call_the_roll();
  self->delayed_send(self, roll_call_pause, tick_atom_v);
}

} // namespace

ledger_root_actor::behavior_type
ledger_root(ledger_root_actor::stateful_pointer<ledger_root_state> self,
            const ledger_root_options& options) {
  LEDGERD_ASSERT(!options.fetchers.empty() && !options.stores.empty());
  LEDGERD_ASSERT(options.side_stores.size() == options.stores.size());
  self->state.children.begin(self, "ledger", options.board);
  spawn_gates(self, options);
  spawn_region(self, options);
  spawn_fetchers(self, options);
  spawn_responder(self, options);
  call_the_roll(self);
  return {
      [=](circuit_atom, std::uint32_t index, bool open) { on_circuit(self, index, open); },
      [=](tick_atom) { call_the_roll(self); },
      [=](drain_atom, std::int64_t deadline_ms) { return self->state.children.drain(deadline_ms); },
      [=](report_atom) { return self->state.children.report(); },
  };
}

} // namespace ledgerd
