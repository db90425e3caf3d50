// A request from outside the actors.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <utility>

#include "actors/common/fail_stop.hpp"

namespace ledgerd {

struct question_state {
  static inline const char* name = "question";
  static constexpr bool one_of_many = true;
};

// Asks in an actor of its own, which ends with the answer. Exactly one of the two functions is
// called, on an actor's thread. The actor that is asked is an argument, not a capture: CAF 0.17
// dereferences a null pointer when an actor's function has no arguments.
template <class Handle, class Duration, class OnAnswer, class OnFailure, class... Request>
void ask(caf::actor_system& system, const Handle& whom, Duration limit, OnAnswer on_answer,
         OnFailure on_failure, Request... request) {
  system.spawn(
      guarded([=](caf::stateful_actor<question_state>* self, const Handle& to) {
        self->request(to, limit, request...).then(on_answer, [on_failure](const caf::error&) {
          on_failure();
        });
      }),
      whom);
}

} // namespace ledgerd
