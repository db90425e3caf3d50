// ROOT: the root of the account side's actors. Spawns bottom-up (recorders, ledger_client, intake,
// reconcilers, redriver); all else follows from the list of its children: the intake takes nothing
// more, the reconcilers finish what they hold, then all go, the last spawned first.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/cluster/membership.hpp"
#include "actors/common/child_list.hpp"
#include "actors/submissions/protocol.hpp"
#include "domain/currency.hpp"
#include "domain/currency_lookup.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

struct submission_root_options {
  struct reconciler_ports {
    std::string instance;
    std::shared_ptr<delivery_source> source;
    std::shared_ptr<publisher> dead_letters;
    std::shared_ptr<record_store> store;
    capacity credit;
    bool letters = false; // the source holds dead letters
  };

  std::string node_name;
  std::shared_ptr<const currency_table> currencies;
  std::shared_ptr<currency_lookup> lookup = nullptr; // may be null
  std::vector<reconciler_ports> reconcilers;
  std::shared_ptr<record_store> intake_store;
  std::shared_ptr<record_store> finder_store;
  std::shared_ptr<record_store> redriver_store;
  std::shared_ptr<publisher> intake_requests;
  std::shared_ptr<publisher> redriver_requests;
  std::shared_ptr<inquirer> questions;
  std::size_t submissions_max;
  std::size_t batch_max;           // results of one statement
  std::chrono::milliseconds lease; // the consumers' acknowledgement wait
  std::chrono::milliseconds redrive_after;
  std::shared_ptr<progress_board> board = nullptr; // null: nobody watches
  // Says that this node lives; nothing: another root does, or it is alone.
  std::optional<membership_options> membership = std::nullopt;
  bool detach = true; // whoever blocks; false only in deterministic tests
};

struct submission_root_state {
  static inline const char* name = "account";

  child_list<submission_root_actor::stateful_pointer<submission_root_state>> children;
  submission_handles handles; // for those outside
};

submission_root_actor::behavior_type
submission_root(submission_root_actor::stateful_pointer<submission_root_state> self,
                const submission_root_options& options);

} // namespace ledgerd
