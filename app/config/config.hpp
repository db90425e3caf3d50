// Everything that can be set, with its default. Built once at start by `load_config`, then
// read-only: any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messaging/codec.hpp"

namespace ledgerd {

enum class log_format { text, json };

// An address to listen on.
struct listen_address {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080; // 0: any free one, for tests

  friend bool operator==(const listen_address&, const listen_address&) = default;
};

// Names and values as text, in the order in which they were given.
using setting_list = std::vector<std::pair<std::string, std::string>>;

// Where a configuration comes from, weakest last: flags, environment, file, defaults.
struct config_sources {
  setting_list flags;       // option names without dashes, such as {"max-in-flight", "100"}
  setting_list environment; // variables whose names begin with LEDGERD_
  std::string file;         // path of a TOML file; empty: none, or the one LEDGERD_CONFIG names
};

struct config {
  // Where it comes from, to be read again.
  config_sources sources;

  // The broker: one URL or several, comma-separated. Holds secrets when it carries a user or a
  // token.
  std::string nats_url = "nats://127.0.0.1:4222";
  // The file that `nats_url` came from, which is read again for each new connection; empty: none.
  std::string nats_url_file;
  // A file with the user's JWT and seed; empty: none.
  std::string nats_creds_file;
  // Where answers over NATS may go beside `_INBOX.`: the beginning of the inboxes of clients that
  // have one of their own; empty: nowhere else.
  std::string nats_reply_prefix;
  // The database of schema `ledger`; empty: not configured. Holds secrets.
  std::string database_url;
  // The database of schema `account`; empty: the same as `database_url`. Holds secrets.
  std::string account_database_url;
  // The files that the two URLs were read from, to be read again for each new connection; empty:
  // they came from elsewhere.
  std::string database_url_file;
  std::string account_database_url_file;

  // What this node does: `ledger`, `account` or both.
  std::vector<std::string> roles = {"ledger"};
  // The name under which other nodes, dead letters and logs know this process.
  std::string node_name; // set by load_config: host name and process id

  // Fetcher actors for each consumer.
  int fetchers = 1;
  // Gate actors, each with a poster and a database connection of its own.
  int gates = 2;
  // Threads that run event-based actors; 0: one for each processor.
  int scheduler_threads = 0;
  // Messages this node holds at most, from pull to acknowledgement.
  std::size_t max_in_flight = 16384;
  // Memory that this process may use, in bytes; what it lends to messages is derived from it
  // (app/config/memory_budget.hpp).
  std::size_t memory_max = std::size_t{256} << 20;
  // Entries that one database transaction posts at most.
  std::size_t batch_max = 1000;
  // Failures of a message's own before it is parked as a dead letter.
  int max_attempts = 3;
  // Ledger actors (accounts) kept in memory at most.
  std::size_t ledgers_max = 100000;
  // How long an account may be unused before its actor ends.
  std::chrono::milliseconds ledger_idle{60000};
  // How long the broker waits for an acknowledgement before it delivers again; for consumers that
  // are created.
  std::chrono::milliseconds ack_wait{30000};
  // How long a shutdown may take to finish what is in flight.
  std::chrono::milliseconds shutdown_deadline{10000};
  // How long a start may be refused by what will not change by itself, such as a wrong password.
  std::chrono::milliseconds start_timeout{60000};
  // How often to look for messages that a consumer gave up, because somebody limited its deliveries
  // on the server.
  std::chrono::milliseconds sweep_interval{10000};

  // How long a record may be without a verdict before it is driven again.
  std::chrono::milliseconds redrive_after{30000};
  // Submissions that this node holds at most, from arrival to the PubAck of their request.
  std::size_t submissions_max = 10000;
  // A file with the bearer tokens of the HTTP API; empty: none are asked for, which only loopback
  // allows.
  std::string http_token_file;
  // Requests a second that a token without a rate of its own may send, and all callers without a
  // token together; 0: no limit.
  unsigned http_rate_max = 0;

  // Apply missing migrations at start.
  bool migrate = true;
  // Create missing streams and consumers at start.
  bool provision = true;
  // What is allowed in requests: a currency for those that name none, fields that are not known.
  request_rules rules;

  // Where the API and the operations endpoints listen; nothing: off.
  std::optional<listen_address> http_listen = listen_address{};

  bool has_role(std::string_view name) const noexcept;
  // Whether nobody but processes of this machine can reach `http_listen`.
  bool listens_locally() const noexcept;
  // The database of schema `account`.
  const std::string& records_url() const noexcept {
    return account_database_url.empty() ? database_url : account_database_url;
  }

  log_format log_style = log_format::text;
  std::string log_level = "info"; // trace, debug, info, warn, error
};

// Wrong usage: a flag, variable, key or value that the contract does not allow. Exit code 2.
class usage_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
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
std::string read_nats_url(const config& value);

// `url` without user, password, token and secret parameters: for logs and messages.
std::string redact_url(std::string_view url);

// Throws usage_error naming the alternatives when a role lacks its database. Where the account role
// stands alone that is the account database, which may be the ledger's.
void require_database(const config& value);

// The same for what needs the ledger's database whatever the roles are.
void require_ledger_database(const config& value);

} // namespace ledgerd
