#include "actors/submissions/ledger_client.hpp"

#include <utility>

#include "actors/common/waker.hpp"
#include "domain/assert.hpp"
#include "domain/failpoint.hpp"

namespace ledgerd {

namespace {

void take_replies(ledger_client_actor::stateful_pointer<ledger_client_state> self) {
  auto& state = self->state;
  for (auto& reply : state.options.questions->take()) {
    auto asked = state.under_way.extract(reply.token);
    LEDGERD_ASSERT(!asked.empty());
    asked.mapped().deliver(std::move(reply));
  }
}

} // namespace

ledger_client_actor::behavior_type
ledger_client(ledger_client_actor::stateful_pointer<ledger_client_state> self,
              ledger_client_options options) {
  self->state.options = std::move(options);
  self->state.options.questions->open(make_waker(ledger_client_actor{self}));
  self->delayed_send(self, self->state.options.beat, tick_atom_v);
  return {
      [=](ask_atom, const std::string& subject, const std::string& payload) {
        failpoint("ledger_client");
        auto& state = self->state;
        const auto token = ++state.last_token;
        auto promise = self->make_response_promise<api_reply>();
        state.under_way.emplace(token, promise);
        state.options.questions->ask(token, subject, payload);
        return promise;
      },
      [=](wake_atom) { take_replies(self); },
      [=](tick_atom) {
        take_replies(self);
        self->delayed_send(self, self->state.options.beat, tick_atom_v);
      },
      [](report_atom) {
        return actor_report{"ledger_client", "", {}, {}};
      },
  };
}

} // namespace ledgerd
