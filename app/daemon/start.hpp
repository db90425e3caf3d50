// The steps of a start: each is tried again until it is done, refused for good or the process is
// told to stop. A server that is away is waited for as long as it takes; what answers and lets us
// not in (a wrong password, no such database) is tried until the start's timeout is over.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "app/config/config.hpp"
#include "app/daemon/ledger_facts.hpp"
#include "app/daemon/start_signals.hpp"
#include "app/operations/readiness.hpp"
#include "domain/currency.hpp"
#include "messaging/broker.hpp"
#include "persistence/shadow_mark.hpp"

namespace ledgerd {

// Thrown to leave the start for good.
struct stop_start {
  int exit_code;
};

// What the steps work with.
struct start_steps {
  const config& settings;
  const start_signals& signals;
  readiness& health;                                   // is told what the start waits for
  std::chrono::steady_clock::time_point refused_until; // the start's timeout
};

// Migrates and checks the databases of this node's roles. A shadow has its database to itself as
// long as it holds what comes back; null for all others.
std::unique_ptr<shadow_claim> open_databases(const start_steps& start);

// Which ledger this node serves, or shadows; 0: none, or the database does not say. From now on
// sessions are refused in any other database.
std::uint64_t read_identity(const start_steps& start);

// Looks whether a shadow still has its database, and says so when it has not.
void keep_claim(shadow_claim& claim);

// Nothing while the process was not told to stop.
void refuse_start_if_told(const start_steps& start);

// Connects, provisions and checks. `database`: which ledger this node serves, or shadows.
std::unique_ptr<broker> open_broker(const start_steps& start, std::uint64_t database);

// Refuses the name of another node that lives, and the company of one that serves another ledger
// than `database`. Waits for answers half a second at most, and for such a node that is leaving
// until it has gone, or the start's timeout is over.
void check_name(const start_steps& start, std::shared_ptr<peer_line> to_all,
                std::uint64_t database = 0);

// Looks for the consumers once more: since they were provisioned a step may have waited for long.
void check_consumers(const start_steps& start, broker& nats, std::uint64_t database);

// Without the ledger role it makes do with what the account side has kept, while the ledger is
// silent. Refuses a default currency that is not in the table.
std::shared_ptr<currency_table> open_currencies(const start_steps& start,
                                                ledger_facts_source& facts);

} // namespace ledgerd
