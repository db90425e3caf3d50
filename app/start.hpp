// The steps of a start: each is tried again for ever, with one line for each attempt, until it is
// done, refused for good or the process is told to stop.
#pragma once

#include <memory>
#include <vector>

#include "app/config.hpp"
#include "app/signals.hpp"
#include "domain/currency.hpp"
#include "messaging/broker.hpp"

namespace ledgerd {

// Thrown to leave the start for good.
struct stop_start {
  int exit_code;
};

// Migrates and checks the databases of this node's roles.
void open_databases(const config& settings, const termination_signals& signals);

// Connects, provisions and checks.
std::unique_ptr<broker> open_broker(const config& settings, const termination_signals& signals);

// From the ledger's database, or, without the ledger role, from a node that has it. Throws when
// neither answers.
std::vector<currency> read_currencies(const config& settings, broker& nats);

std::shared_ptr<currency_table> open_currencies(const config& settings, broker& nats,
                                                const termination_signals& signals);

} // namespace ledgerd
