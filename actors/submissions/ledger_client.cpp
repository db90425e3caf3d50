#include "actors/submissions/ledger_client.hpp"

#include <utility>

#include "actors/common/failpoint.hpp"
#include "actors/common/waker.hpp"
#include "domain/assert.hpp"

namespace ledgerd {

namespace {

void take_replies(courier_actor::stateful_pointer<courier_state> self) {
  auto& state = self->state;
  for (auto& reply : state.options.questions->take()) {
    auto asked = state.under_way.extract(reply.token);
    LEDGERD_ASSERT(!asked.empty());
    asked.mapped().deliver(std::move(reply));
  }
}

} // namespace

courier_actor::behavior_type courier(courier_actor::stateful_pointer<courier_state> self,
                                     courier_options options) {
  self->state.options = std::move(options);
  self->state.options.questions->open(make_waker(courier_actor{self}));
  self->delayed_send(self, self->state.options.beat, beat_atom_v);
  return {
      [=](ask_atom, const std::string& subject, const std::string& payload) {
        failpoint("courier");
        auto& state = self->state;
        const auto token = ++state.last_token;
        auto promise = self->make_response_promise<api_reply>();
        state.under_way.emplace(token, promise);
        state.options.questions->ask(token, subject, payload);
        return promise;
      },
      [=](wake_atom) { take_replies(self); },
      [=](beat_atom) {
        take_replies(self);
        self->delayed_send(self, self->state.options.beat, beat_atom_v);
      },
      [](report_atom) {
        return actor_report{"courier", "", {}, {}};
      },
  };
}

} // namespace ledgerd
