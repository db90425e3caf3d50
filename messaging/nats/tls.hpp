// Connecting over TLS. Private to this room; any thread.
//
// The library verifies the server's certificate against the authorities of this machine and those
// that are loaded, and the name in the URL against the certificate. It does not limit the handshake
// (until 3.11, https://github.com/nats-io/nats.c/pull/906), so that is done here.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "messaging/broker.hpp"
#include "messaging/nats/connection.hpp"

using nats_options = struct __natsOptions; // NOLINT(bugprone-reserved-identifier)

namespace ledgerd {

// Whether a connection is made over TLS: one of the URLs begins with tls://.
bool is_secure(const std::vector<std::string>& urls);

// Loads certificates and key. Throws std::runtime_error that names the file.
void secure_options(nats_options* to, const broker_options& broker);

// What the library said: a natsStatus, and unless that is NATS_OK a sentence.
struct connect_result {
  int status = 0;
  std::string error = {};
};

// Waits as long as the library does.
connect_result connect_now(nats_connection** to, nats_options* options);

// The same on a thread of its own. Whatever that waits for is broken off each time `patience` has
// passed, so that a server which keeps silent in the middle of the handshake counts as one that is
// away, and the library tries the next.
connect_result connect_within(nats_connection** to, nats_options* options,
                              std::chrono::milliseconds patience);

} // namespace ledgerd
