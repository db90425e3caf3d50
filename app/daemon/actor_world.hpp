// The actors of this process, from the first to the last.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <cstdint>
#include <functional>
#include <memory>

#include "actors/ledger/root.hpp"
#include "actors/submissions/root.hpp"
#include "app/api/submission_api.hpp"
#include "app/config/config.hpp"
#include "app/daemon/shutdown.hpp"
#include "app/operations/numbers_desk.hpp"
#include "app/operations/snapshot.hpp"
#include "app/operations/work_desk.hpp"
#include "domain/currency.hpp"
#include "domain/currency_lookup.hpp"
#include "messaging/broker.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

// What this process knows of the ledger.
struct ledger_knowledge {
  std::shared_ptr<const currency_table> currencies;
  std::shared_ptr<currency_lookup> lookup;
  std::shared_ptr<ledger_view> view;
  std::uint64_t database = 0; // see node_word
};

struct actors_config : caf::actor_system_config {
  explicit actors_config(int threads);
};

// Belongs to the main thread. Whichever way it is left, the actors are told to stop, within the
// shutdown deadline.
class actor_world {
public:
  // Asks the broker for all that the roles need, and makes no actor before it has that. Throws
  // std::runtime_error. All arguments must outlive the object.
  actor_world(const config& settings, broker& nats, const ledger_knowledge& known,
              const std::shared_ptr<progress_board>& board, shutdown_deadline& deadline);
  ~actor_world();
  actor_world(const actor_world&) = delete;
  actor_world& operator=(const actor_world&) = delete;

  caf::actor_system& system() noexcept { return system_; }
  // Those of whom the operations endpoints ask.
  operations_sources sources() const { return {ledger_, account_, nats_api_, cluster_, self_}; }

  // From now on the actors' numbers are told to whoever asks over NATS.
  void answer_numbers(numbers_desk::report_source actors);
  // Those who do the work that HTTP routes wait for, one for each lane.
  const desk_actor& looks() const noexcept { return looks_; }
  const desk_actor& changes() const noexcept { return changes_; }

  // Null without the account role.
  const std::shared_ptr<submission_api>& api() const noexcept { return api_; }

  // Both roles at once: takes nothing more, finishes what is held as far as the deadline allows,
  // hands back the rest, and says so in the log. The deadline has begun.
  void drain();

private:
  std::function<bool(const api_question&)>
  numbers_question_of(std::shared_ptr<question_desk> desk) const;

  const config& settings_;
  shutdown_deadline& deadline_;
  actors_config system_config_;
  caf::actor_system system_; // waits for its actors: the handles below go first
  ledger_root_actor ledger_;
  submission_root_actor account_;
  responder_actor nats_api_;
  cluster_asker_actor cluster_;
  node_identity self_;
  std::shared_ptr<numbers_desk> numbers_;
  desk_actor looks_;
  desk_actor changes_;
  std::shared_ptr<submission_api> api_;
  bool drained_ = false;
};

} // namespace ledgerd
