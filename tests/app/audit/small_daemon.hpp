// The ledger's work in a straight line, on a real broker and database: reads every request, posts
// it, publishes the result or the dead letter, acknowledges. What it publishes can be falsified on
// the way.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "persistence/ledger_store.hpp"
#include "tests/app/audit/world.hpp"

namespace ledgerd::test {

// May change a message; false keeps it from being published.
using falsifier = std::function<bool(outgoing&)>;

// Publishes the messages and waits for the PubAcks.
void publish(broker& nats, std::vector<outgoing> messages);

void publish_requests(broker& nats, const std::vector<request>& requests);

// Until all requests are settled. Throws std::runtime_error when that takes longer than 30 s.
void work_off(broker& nats, ledger_store& store, const currency_table& currencies,
              const falsifier& falsify);

} // namespace ledgerd::test
