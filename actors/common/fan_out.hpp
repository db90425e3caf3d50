// Asking several actors at once, for the two roots.
#pragma once

#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "actors/common/protocol.hpp"

namespace ledgerd {

// Collects `left` answers into one.
template <class Result>
struct gathering {
  caf::typed_response_promise<Result> promise;
  Result all{};
  std::size_t left = 0;

  void finish_one() {
    if (--left == 0)
      promise.deliver(std::move(all));
  }
};

// Adds an actor's report to the gathering. One that takes longer than a second gets an empty
// report, so that nobody takes the sum of the others for the whole.
template <class Self, class Handle>
void ask_report(Self self, const Handle& whom, const char* name,
                const std::shared_ptr<gathering<std::vector<actor_report>>>& into) {
  self->request(whom, std::chrono::seconds{1}, report_atom_v)
      .then(
          [into](actor_report& one) {
            into->all.push_back(std::move(one));
            into->finish_one();
          },
          [into, name](const caf::error&) {
            into->all.push_back({name, "", {}, {}});
            into->finish_one();
          });
}

// Has an actor drain, adds its summary to the gathering and goes on with `then`.
template <class Self, class Handle, class Then>
void ask_drain(Self self, const Handle& whom, std::int64_t deadline_ms,
               const std::shared_ptr<gathering<drain_summary>>& into, Then then) {
  const auto add = [into, then](const drain_summary& part) {
    into->all.settled += part.settled;
    into->all.handed_back += part.handed_back;
    into->finish_one();
    if (into->left == 0)
      then();
  };
  self->request(whom, caf::infinite, drain_atom_v, deadline_ms).then(add, [add](const caf::error&) {
    add({});
  });
}

} // namespace ledgerd
