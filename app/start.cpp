#include "app/start.hpp"

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <spdlog/spdlog.h>

#include "messaging/account_codec.hpp"
#include "messaging/names.hpp"
#include "persistence/postgres.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

namespace {

constexpr int exit_done = 0;
constexpr int exit_cannot_start = 3;
constexpr auto attempt_pause = std::chrono::milliseconds{1000};
constexpr auto reply_pause = std::chrono::milliseconds{20};

// Runs `step` until it does not throw. A signal between attempts ends the start.
template <class Step>
auto keep_trying(const char* what, const termination_signals& signals, Step step) {
  for (int attempt = 1;; ++attempt) {
    try {
      return step();
    } catch (const std::exception& e) {
      spdlog::warn("{}, attempt {}: {}; next in {} ms", what, attempt, e.what(),
                   attempt_pause.count());
    }
    if (signals.wait(attempt_pause)) {
      spdlog::info("told to stop before the start was complete");
      throw stop_start{exit_done};
    }
  }
}

void refuse_start_on(const std::vector<std::string>& faults) {
  for (const auto& fault : faults)
    spdlog::error("cannot start: {}", fault);
  if (!faults.empty())
    throw stop_start{exit_cannot_start};
}

void open_database(const std::string& url, schema which, bool may_migrate,
                   const termination_signals& signals) {
  const char* what = which == schema::ledger ? "database" : "account database";
  const auto found = keep_trying(what, signals, [&] { return read_schema(url, which); });
  if (may_migrate && found.version < found.known)
    keep_trying("migration", signals, [&] {
      for (const auto& name : migrate(url, which))
        spdlog::info("applied migration {}", name);
      return true;
    });
  refuse_start_on(keep_trying(what, signals, [&] { return check_database(url, which); }));
}

void log_link_event(link_event event, const std::string& detail) {
  switch (event) {
  case link_event::connected:
  case link_event::reconnected:
  case link_event::rebuilt:
    return spdlog::info("broker: connected: {}", detail);
  case link_event::disconnected:
    return spdlog::warn("broker: connection lost: {}", detail);
  case link_event::slow_consumer:
  case link_event::error:
    return spdlog::warn("broker: {}", detail);
  }
}

std::vector<currency> ask_currencies(broker& nats) {
  const auto questions = nats.make_inquirer();
  questions->open([] {});
  questions->ask(1, std::string{names::api_currencies}, "{}");
  std::vector<api_reply> replies;
  while (replies.empty()) {
    std::this_thread::sleep_for(reply_pause);
    replies = questions->take();
  }
  if (!replies.front().answered)
    throw std::runtime_error("no node with the ledger role answers");
  auto decoded = decode_currencies(replies.front().payload);
  if (const auto* why = std::get_if<rejection>(&decoded))
    throw std::runtime_error(why->detail);
  return std::get<std::vector<currency>>(std::move(decoded));
}

} // namespace

void open_databases(const config& settings, const termination_signals& signals) {
  if (settings.has_role("ledger"))
    open_database(settings.database_url, schema::ledger, settings.migrate, signals);
  if (settings.has_role("account"))
    open_database(settings.records_url(), schema::account, settings.migrate, signals);
}

std::unique_ptr<broker> open_broker(const config& settings, const termination_signals& signals) {
  broker_options options;
  options.url = settings.nats_url;
  options.credentials_file = settings.nats_creds_file;
  options.client_name = "ledgerd " + settings.node_name;
  auto nats =
      keep_trying("broker", signals, [&] { return broker::connect(options, log_link_event); });
  provisioning how;
  how.ledger = settings.has_role("ledger");
  how.account = settings.has_role("account");
  how.create = settings.provision;
  how.ack_wait = settings.ack_wait;
  how.shutdown_deadline = settings.shutdown_deadline;
  refuse_start_on(keep_trying("provisioning", signals, [&] { return nats->provision(how); }));
  return nats;
}

std::vector<currency> read_currencies(const config& settings, broker& nats) {
  return settings.has_role("ledger") ? make_postgres_reader(settings.database_url)->currencies()
                                     : ask_currencies(nats);
}

std::shared_ptr<currency_table> open_currencies(const config& settings, broker& nats,
                                                const termination_signals& signals) {
  return keep_trying("currencies", signals, [&] {
    return std::make_shared<currency_table>(read_currencies(settings, nats));
  });
}

} // namespace ledgerd
