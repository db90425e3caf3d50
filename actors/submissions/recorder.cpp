#include "actors/submissions/recorder.hpp"
#include "domain/failpoint.hpp"

#include <utility>

namespace ledgerd {

recorder_actor::behavior_type recorder(recorder_actor::stateful_pointer<recorder_state> self,
                                       std::shared_ptr<record_store> store) {
  self->state.store = std::move(store);
  return {
      [=](record_atom, const new_records_ptr& batch) {
        failpoint("recorder");
        return recorded_batch{self->state.store->record(*batch)};
      },
      [=](settle_atom, const verdicts_ptr& batch) {
        return settled_batch{self->state.store->settle(*batch)};
      },
      [=](find_atom, const std::vector<record_id>& ids) {
        return found_records{self->state.store->find(ids)};
      },
      [=](claim_atom, std::int64_t age_ms, std::uint64_t limit) {
        return found_records{self->state.store->claim(std::chrono::milliseconds{age_ms}, limit)};
      },
      [](report_atom) {
        return actor_report{"recorder", "", {}, {}};
      },
  };
}

} // namespace ledgerd
