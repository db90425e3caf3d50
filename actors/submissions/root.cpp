#include "actors/submissions/root.hpp"

#include <utility>

#include "actors/common/failpoint.hpp"
#include "actors/common/fan_out.hpp"
#include "actors/submissions/intake.hpp"
#include "actors/submissions/ledger_client.hpp"
#include "actors/submissions/lookup.hpp"
#include "actors/submissions/reconciler.hpp"
#include "actors/submissions/recorder.hpp"
#include "actors/submissions/redriver.hpp"
#include "domain/assert.hpp"

namespace ledgerd {

namespace {

using submission_root_pointer = submission_root_actor::stateful_pointer<submission_root_state>;

recorder_actor spawn_recorder(submission_root_pointer self, const submission_root_options& options,
                              const std::shared_ptr<record_store>& store, const char* whose,
                              duty what = duty::moves_money) {
  auto& all = self->state.recorders;
  all.push_back(options.detach_recorders ? self->spawn<caf::detached>(guarded(recorder), store)
                                         : self->spawn(guarded(recorder), store));
  self->state.children.add(self, all.back(), std::string{"recorder of the "} + whose, what);
  return all.back();
}

void spawn_intake(submission_root_pointer self, const submission_root_options& options) {
  auto& state = self->state;
  state.finder = spawn_recorder(self, options, options.finder_store, "finder", duty::answers);
  state.lookup = self->spawn(guarded(lookup), lookup_options{.recorder = state.finder});
  state.children.add(self, state.lookup, "lookup", duty::answers);
  intake_options config{
      .recorder = spawn_recorder(self, options, options.intake_store, "intake", duty::answers),
      .finder = state.finder,
      .requests = options.intake_requests,
      .currencies = options.currencies,
      .submissions_max = options.submissions_max};
  state.intake = self->spawn(guarded(intake), std::move(config));
  state.children.add(self, state.intake, "intake");
}

void spawn_reconcilers(submission_root_pointer self, const submission_root_options& options) {
  for (const auto& ports : options.reconcilers) {
    reconciler_options config{.instance = ports.instance,
                              .node_name = options.node_name,
                              .source = ports.source,
                              .dead_letters = ports.dead_letters,
                              .letters = ports.letters,
                              .currencies = options.currencies,
                              .lookup = options.lookup,
                              .recorder = spawn_recorder(self, options, ports.store, "reconciler"),
                              .intake = self->state.intake,
                              .credit = ports.credit,
                              .batch_max = options.batch_max,
                              .lease = options.lease};
    self->state.reconcilers.push_back(self->spawn(guarded(reconciler), std::move(config)));
    self->state.children.add(self, self->state.reconcilers.back(), "reconciler " + ports.instance);
  }
}

void spawn_redriver(submission_root_pointer self, const submission_root_options& options) {
  auto& state = self->state;
  redriver_options config{.recorder =
                              spawn_recorder(self, options, options.redriver_store, "redriver"),
                          .intake = state.intake,
                          .ledger_client = state.ledger_client,
                          .requests = options.redriver_requests,
                          .currencies = options.currencies,
                          .redrive_after = options.redrive_after,
                          .lookup = options.lookup};
  state.redriver = self->spawn(guarded(redriver), std::move(config));
  state.children.add(self, state.redriver, "redriver");
}

// What stands still must not be held on to, nor must more be taken.
void call_the_roll(submission_root_pointer self) {
  failpoint("account");
  auto& state = self->state;
  const auto moving = state.children.call(self);
  for (const auto& to : state.reconcilers)
    self->send(to, pulse_atom_v, moving);
  self->delayed_send(self, roll_call_pause, tick_atom_v);
}

void stop_all(submission_root_pointer self) {
  auto& state = self->state;
  state.children.stop();
  const auto stop = [self](const auto& whom) {
    self->send_exit(whom, caf::exit_reason::user_shutdown);
  };
  stop(state.redriver);
  for (const auto& each : state.reconcilers)
    stop(each);
  stop(state.intake);
  stop(state.lookup);
  stop(state.ledger_client);
  for (const auto& each : state.recorders)
    stop(each);
  self->quit();
}

caf::typed_response_promise<drain_summary> drain(submission_root_pointer self,
                                                 std::int64_t deadline_ms) {
  auto& state = self->state;
  auto now = std::make_shared<gathering<drain_summary>>();
  now->promise = self->make_response_promise<drain_summary>();
  now->left = state.reconcilers.size() + 1;
  const auto then = [self] { stop_all(self); };
  ask_drain(self, state.intake, deadline_ms, now, then);
  for (const auto& each : state.reconcilers)
    ask_drain(self, each, deadline_ms, now, then);
  return now->promise;
}

caf::typed_response_promise<std::vector<actor_report>> gather(submission_root_pointer self) {
  auto& state = self->state;
  auto now = std::make_shared<gathering<std::vector<actor_report>>>();
  now->promise = self->make_response_promise<std::vector<actor_report>>();
  now->left = state.reconcilers.size() + 3;
  ask_report(self, state.intake, "intake", now);
  ask_report(self, state.lookup, "lookup", now);
  for (const auto& each : state.reconcilers)
    ask_report(self, each, "reconciler", now);
  ask_report(self, state.redriver, "redriver", now);
  return now->promise;
}

} // namespace

submission_root_actor::behavior_type
submission_root(submission_root_actor::stateful_pointer<submission_root_state> self,
                const submission_root_options& options) {
  LEDGERD_ASSERT(!options.reconcilers.empty());
  self->state.children.begin(self, "account", options.board);
  self->state.ledger_client =
      self->spawn(guarded(ledger_client), ledger_client_options{options.questions});
  self->state.children.add(self, self->state.ledger_client, "ledger_client", duty::answers);
  spawn_intake(self, options);
  spawn_reconcilers(self, options);
  spawn_redriver(self, options);
  call_the_roll(self);
  return {
      [=](handles_atom) {
        const auto& state = self->state;
        return submission_handles{state.intake, state.lookup, state.ledger_client};
      },
      [=](tick_atom) { call_the_roll(self); },
      [=](drain_atom, std::int64_t deadline_ms) { return drain(self, deadline_ms); },
      [=](report_atom) { return gather(self); },
  };
}

} // namespace ledgerd
