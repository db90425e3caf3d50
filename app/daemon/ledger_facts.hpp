// What this node learns of the ledger: its currencies, and for the account side how far it is.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "app/operations/routes.hpp"
#include "domain/currency.hpp"
#include "messaging/broker.hpp"
#include "messaging/submission_codec.hpp"
#include "persistence/ledger_reader.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

// From the ledger's database, or, without the ledger role, from a node that has it. Owns one
// inquirer and one connection to each database for its whole life. Belongs to one thread at a time.
class ledger_facts_source {
public:
  struct ports {
    std::unique_ptr<ledger_reader> ledger;  // null without the ledger role
    std::unique_ptr<inquirer> questions;    // null with it
    std::unique_ptr<account_keeper> keeper; // null without the account role
  };

  // `view` (of the account role; may be null) hears of every answer.
  ledger_facts_source(ports from, std::shared_ptr<ledger_view> view);

  // Asks, keeps new currencies for the account side, and returns all. Throws when nobody answers;
  // waits for at most the inquirer's deadline. Says in the log when the account database lacks the
  // last record that the ledger has decided: it was set back. With the ledger's own database, that
  // of the account side may be away: it hears of them later.
  std::vector<currency> read();

  // What the account side has kept of an earlier answer; empty without that role. Throws.
  std::vector<currency> kept();

private:
  record_id last_kept();
  void tell_account_side(const ledger_facts& facts, record_id after);
  ledger_facts ask(record_id from);
  void look_for_loss(record_id from, record_id highest);

  ports from_;
  std::uint64_t asked_ = 0;
  std::shared_ptr<ledger_view> view_;
  bool lacks_ = false;  // at the last look
  bool untold_ = false; // the account side's database was away then
  std::chrono::steady_clock::time_point tell_again_;
};

// The same routes; their metrics tell how often records were found to be lost.
http_routes with_lost_records(http_routes routes, std::shared_ptr<const ledger_view> view);

} // namespace ledgerd
