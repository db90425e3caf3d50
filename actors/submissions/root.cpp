#include "actors/submissions/root.hpp"

#include <utility>

#include "actors/submissions/intake.hpp"
#include "actors/submissions/ledger_client.hpp"
#include "actors/submissions/lookup.hpp"
#include "actors/submissions/reconciler.hpp"
#include "actors/submissions/recorder.hpp"
#include "actors/submissions/redriver.hpp"
#include "domain/assert.hpp"
#include "domain/failpoint.hpp"

namespace ledgerd {

namespace {

using submission_root_pointer = submission_root_actor::stateful_pointer<submission_root_state>;

recorder_actor spawn_recorder(submission_root_pointer self, const submission_root_options& options,
                              const std::shared_ptr<record_store>& store, const char* whose,
                              duty what = duty::moves_money) {
  return self->state.children.add(options.detach
                                      ? self->spawn<caf::detached>(guarded(recorder), store)
                                      : self->spawn(guarded(recorder), store),
                                  {"recorder", std::string{"of the "} + whose, what, false});
}

intake_actor spawn_intake(submission_root_pointer self, const submission_root_options& options) {
  auto& state = self->state;
  const auto finder = spawn_recorder(self, options, options.finder_store, "finder", duty::answers);
  state.handles.finder =
      state.children.add(self->spawn(guarded(lookup), lookup_options{.recorder = finder}),
                         {lookup_state::name, {}, duty::answers});
  intake_options config{
      .recorder = spawn_recorder(self, options, options.intake_store, "intake", duty::answers),
      .finder = finder,
      .requests = options.intake_requests,
      .currencies = options.currencies,
      .submissions_max = options.submissions_max};
  const auto spawned =
      state.children.add(self->spawn(guarded(intake), std::move(config)), {intake_state::name});
  state.handles.intake = spawned;
  return spawned;
}

void spawn_reconcilers(submission_root_pointer self, const submission_root_options& options,
                       const settled_sink& intake) {
  for (const auto& ports : options.reconcilers) {
    reconciler_options config{.instance = ports.instance,
                              .node_name = options.node_name,
                              .source = ports.source,
                              .dead_letters = ports.dead_letters,
                              .letters = ports.letters,
                              .currencies = options.currencies,
                              .lookup = options.lookup,
                              .recorder = spawn_recorder(self, options, ports.store, "reconciler"),
                              .intake = intake,
                              .credit = ports.credit,
                              .batch_max = options.batch_max,
                              .lease = options.lease,
                              .stragglers = std::chrono::milliseconds{options.detach ? 250 : 0}};
    self->state.children.add(self->spawn(guarded(reconciler), std::move(config)),
                             {reconciler_state::name, ports.instance});
  }
}

void spawn_redriver(submission_root_pointer self, const submission_root_options& options,
                    const settled_sink& intake) {
  auto& state = self->state;
  redriver_options config{
      .recorder = spawn_recorder(self, options, options.redriver_store, "redriver", duty::answers),
      .intake = intake,
      .ledger_client = state.handles.ledger_client,
      .requests = options.redriver_requests,
      .currencies = options.currencies,
      .redrive_after = options.redrive_after,
      .lookup = options.lookup};
  state.children.add(self->spawn(guarded(redriver), std::move(config)), {redriver_state::name});
}

void call_the_roll(submission_root_pointer self) {
  failpoint("account");
  self->state.children.call_the_roll();
  self->delayed_send(self, roll_call_pause, tick_atom_v);
}

} // namespace

submission_root_actor::behavior_type
submission_root(submission_root_actor::stateful_pointer<submission_root_state> self,
                const submission_root_options& options) {
  LEDGERD_ASSERT(!options.reconcilers.empty());
  self->state.children.begin(self, "account", options.board);
  self->state.handles.ledger_client = self->state.children.add(
      self->spawn(guarded(ledger_client), ledger_client_options{options.questions}),
      {"ledger_client", {}, duty::answers, false});
  if (options.membership)
    self->state.children.add(self->spawn(guarded(membership), *options.membership),
                             {membership_state::name, {}, duty::answers});
  const settled_sink intake = spawn_intake(self, options);
  spawn_reconcilers(self, options, intake);
  spawn_redriver(self, options, intake);
  call_the_roll(self);
  return {
      [=](handles_atom) { return self->state.handles; },
      [=](tick_atom) { call_the_roll(self); },
      [=](drain_atom, std::int64_t deadline_ms) { return self->state.children.drain(deadline_ms); },
      [=](report_atom) { return self->state.children.report(); },
  };
}

} // namespace ledgerd
