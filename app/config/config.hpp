// Everything that can be set, with its default. Built once at start by `load_config`, then
// read-only: any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/base/usage_error.hpp"
#include "app/config/engine_settings.hpp"
#include "app/config/http_settings.hpp"
#include "app/config/log_settings.hpp"
#include "app/config/names_settings.hpp"
#include "app/config/role.hpp"
#include "app/config/server_settings.hpp"
#include "messaging/codec.hpp"

namespace ledgerd {

// Names and values as text, in the order in which they were given.
using setting_list = std::vector<std::pair<std::string, std::string>>;

// Where a configuration comes from, weakest last: flags, environment, file, defaults.
struct config_sources {
  setting_list flags;       // option names without dashes, such as {"max-in-flight", "100"}
  setting_list environment; // variables whose names begin with LEDGERD_
  std::string file;         // path of a TOML file; empty: none, or the one LEDGERD_CONFIG names
  unsigned processors = 0;  // from which defaults are derived; 0: those that this process may use
};

// A setting that nobody has given, and what its value is derived from.
struct derived_setting {
  std::string_view option;
  std::string why; // derived from 2 processors
};

// Made of pieces: a part of the program takes a reference to its piece, to which a config converts.
struct config : broker_settings, database_settings, http_settings, log_settings, engine_settings {
  // Where it comes from, to be read again.
  config_sources sources;

  // Which settings are derived from the machine.
  std::vector<derived_setting> derived;

  // What this node does; at least one.
  std::vector<role> roles = {role::ledger, role::account};

  // Memory that this process may use, in bytes; what it lends to messages is derived from it
  // (app/config/memory_budget.hpp).
  std::size_t memory_max = std::size_t{256} << 20;
  // Failures of a message's own before it is parked as a dead letter.
  std::uint32_t attempts_max = 3;
  // Ledger actors (accounts) kept in memory at most.
  std::size_t ledgers_max = 100000;
  // How long an account may be unused before its actor ends.
  std::chrono::milliseconds ledger_idle{60000};
  // How long the broker waits for an acknowledgement before it delivers again; for consumers that
  // are created.
  std::chrono::milliseconds ack_wait{30000};
  int stream_replicas = 1;
  // How long a shutdown may take to finish what is in flight.
  std::chrono::milliseconds shutdown_deadline{10000};
  // How long a start may be refused by what will not change by itself, such as a wrong password.
  std::chrono::milliseconds start_timeout{60000};
  // How often to look for messages that a consumer gave up, because somebody limited its deliveries
  // on the server.
  std::chrono::milliseconds recovery_interval{10000};

  // Between two looks of the daemon's own audit at what is new; 0: it never looks.
  std::chrono::milliseconds audit_interval{60000};

  // How long a record may be without a verdict before it is driven again.
  std::chrono::milliseconds redrive_after{30000};
  // Submissions that this node holds at most, from arrival to the PubAck of their request.
  std::size_t submissions_max = 10000;

  // Decide beside the present service, tell nobody, and compare: no other role goes with it.
  bool shadow = false;
  // The first request that a new shadow decides, by its sequence number in the stream.
  std::uint64_t shadow_from = 1;

  // What streams, subjects, consumers and schemas are called.
  names_settings names;

  // Apply missing migrations at start.
  bool migrate = true;
  // Create missing streams and consumers at start.
  bool provision = true;
  // What is allowed in requests: a currency for those that name none, fields that are not known.
  request_rules rules;

  bool has_role(role which) const noexcept;
};

struct loaded_config {
  config value;                      // what is valid, on top of the defaults
  std::vector<std::string> faults;   // one sentence for each fault; empty: all is well
  std::vector<std::string> warnings; // one sentence for each variable that nobody knows
};

// Never throws for what the sources hold: every fault becomes a sentence that names the source, the
// field and the rule, and for an unknown name the nearest known one. A blank variable is none. An
// unknown one is a warning, for an environment is shared: Kubernetes sets LEDGERD_PORT and the like
// for a service named `ledgerd`, of which nothing is said at all. A file whose values hold a secret
// must be as private as any secret file.
loaded_config load_config(const config_sources& sources);

// The variables of this process that begin with LEDGERD_.
setting_list ledgerd_environment();

// The whole configuration as TOML that `--config` reads again; secrets are replaced by
// "<redacted>".
std::string print_config(const config& value);

// The broker's URL as it is now: read again from its file when it came from one. Throws
// std::runtime_error, without the URL, when the file is not what it was.
std::string read_nats_url(const broker_settings& from);

// `url` without user, password, token and secret parameters: for logs and messages.
std::string redact_url(std::string_view url);

// That a role lacks its database, which one, and the alternatives, as a sentence; empty: none does.
// Where the account role stands alone that is the account database, which may be the ledger's.
std::string missing_database(const config& value);

// Throws it as a usage_error.
void require_database(const config& value);

// The same for what needs the ledger's database whatever the roles are.
void require_ledger_database(const database_settings& value);

} // namespace ledgerd
