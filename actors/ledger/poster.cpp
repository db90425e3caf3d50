#include "actors/ledger/poster.hpp"
#include "domain/failpoint.hpp"

#include <chrono>

namespace ledgerd {

poster_actor::behavior_type poster(poster_actor::stateful_pointer<poster_state> self,
                                   std::shared_ptr<ledger_store> store) {
  self->state.store = std::move(store);
  return {
      [=](post_atom, const gate_batch_ptr& batch) {
        failpoint("poster");
        // Real time, not the actor clock: this thread really waits.
        const auto begin = std::chrono::steady_clock::now();
        auto result = self->state.store->post(*batch, batch->limits);
        const auto took = std::chrono::steady_clock::now() - begin;
        return posted_batch{std::move(result),
                            std::chrono::duration_cast<std::chrono::microseconds>(took).count()};
      },
      [](report_atom) {
        return actor_report{"poster", "", {}, {}};
      },
  };
}

} // namespace ledgerd
