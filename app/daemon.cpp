#include "app/daemon.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "actors/node.hpp"
#include "app/http_server.hpp"
#include "app/operations.hpp"
#include "app/readiness.hpp"
#include "app/signals.hpp"
#include "messaging/broker.hpp"
#include "messaging/names.hpp"
#include "messaging/recovery_source.hpp"
#include "persistence/postgres.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

namespace {

constexpr int exit_done = 0;
constexpr int exit_cannot_start = 3;
constexpr auto attempt_pause = std::chrono::milliseconds{1000};
constexpr std::size_t recovery_credit = 256;
constexpr auto stop_grace = std::chrono::seconds{5};

// Thrown to leave the start for good.
struct stop_start {
  int exit_code;
};

// Runs `step` until it does not throw; one line for each failure. A signal between attempts ends
// the start.
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

std::shared_ptr<const currency_table> open_database(const config& settings,
                                                    const termination_signals& signals) {
  const auto& url = settings.database_url;
  const auto schema = keep_trying("database", signals, [&] { return read_schema(url); });
  if (settings.migrate && schema.version < schema.known)
    keep_trying("migration", signals, [&] {
      for (const auto& name : migrate(url))
        spdlog::info("applied migration {}", name);
      return true;
    });
  refuse_start_on(keep_trying("database", signals, [&] { return check_database(url); }));
  return keep_trying("currencies", signals, [&] {
    return std::make_shared<const currency_table>(make_postgres_reader(url)->currencies());
  });
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

std::unique_ptr<broker> open_broker(const config& settings, const termination_signals& signals) {
  broker_options options;
  options.url = settings.nats_url;
  options.credentials_file = settings.nats_creds_file;
  options.client_name = "ledgerd " + settings.node_name;
  auto nats =
      keep_trying("broker", signals, [&] { return broker::connect(options, log_link_event); });
  provisioning how;
  how.create = settings.provision;
  how.ack_wait = settings.ack_wait;
  how.shutdown_deadline = settings.shutdown_deadline;
  refuse_start_on(keep_trying("provisioning", signals, [&] { return nats->provision(how); }));
  return nats;
}

node_options make_node_options(const config& settings, broker& nats,
                               std::shared_ptr<const currency_table> currencies) {
  node_options options;
  options.node_name = settings.node_name;
  options.currencies = std::move(currencies);
  options.default_currency = settings.default_currency;
  options.batch_max = settings.batch_max;
  options.ledgers_max = settings.ledgers_max;
  options.ledger_idle = settings.ledger_idle;
  options.attempts_max = static_cast<std::uint32_t>(settings.max_attempts);
  options.message_bytes_max = nats.message_bytes_max();
  // Two consumers share what this node may hold.
  const auto sources = 2 * static_cast<std::size_t>(settings.fetchers);
  const auto credit = std::max<std::size_t>(1, settings.max_in_flight / sources);
  struct route {
    std::string_view durable;
    std::string_view subject;
  };
  for (const auto& [durable, subject] :
       {route{names::deposit_consumer, names::deposit_subject},
        route{names::withdrawal_consumer, names::withdrawal_subject}}) {
    const auto consumer = nats.consumer(names::request_stream, durable);
    options.lease = std::min(options.lease, consumer.ack_wait);
    const std::string name{durable};
    for (int i = 0; i < settings.fetchers; ++i)
      options.fetchers.push_back(
          {name + "/" + std::to_string(i),
           nats.make_source(names::request_stream, durable, settings.batch_max),
           nats.make_publisher(), credit});
    options.fetchers.push_back({name + "/recovery",
                                make_recovery_source(nats, names::request_stream, durable, subject,
                                                     settings.sweep_interval),
                                nats.make_publisher(), recovery_credit});
  }
  for (int i = 0; i < settings.gates; ++i)
    options.stores.push_back(make_postgres_store(settings.database_url));
  return options;
}

struct actors_config : caf::actor_system_config {
  explicit actors_config(int threads) {
    add_message_types<caf::id_block::ledgerd>();
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    set("scheduler.max-threads",
        threads > 0 ? static_cast<std::size_t>(threads) : static_cast<std::size_t>(cores));
    set("scheduler.max-throughput", std::size_t{300});
    // By default an idle worker polls every 50 us for 25 ms, which costs a third of a processor
    // when nothing happens. Here it soon waits to be woken; what it misses by that is only work to
    // steal, for which it looks now and then.
    set("work-stealing.aggressive-poll-attempts", std::size_t{20});
    set("work-stealing.moderate-poll-attempts", std::size_t{0});
    set("work-stealing.relaxed-sleep-duration", caf::timespan{std::chrono::milliseconds{5}});
  }
};

// When the orderly end hangs, the process must still go: what is durable is durable.
void end_process_after(std::chrono::milliseconds limit) {
  std::thread{[limit] {
    std::this_thread::sleep_for(limit);
    spdlog::error("shutdown took longer than {} ms: ending at once", limit.count());
    spdlog::default_logger()->flush();
    std::_Exit(exit_done);
  }}.detach();
}

void drain(caf::actor_system& system, const node_actor& root, const config& settings) {
  const auto began = std::chrono::steady_clock::now();
  const auto deadline = settings.shutdown_deadline;
  end_process_after(deadline + stop_grace);
  caf::scoped_actor self{system};
  self->request(root, deadline + stop_grace, drain_atom_v, std::int64_t{deadline.count()})
      .receive(
          [&](const drain_summary& done) {
            const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::steady_clock::now() - began);
            spdlog::info("drained in {} ms: {} settled, {} handed back", took.count(), done.settled,
                         done.handed_back);
          },
          [&](const caf::error& reason) {
            spdlog::error("drain failed: {}", system.render(reason));
          });
}

void run_until_told_to_stop(const config& settings, const termination_signals& signals) {
  auto currencies = open_database(settings, signals);
  const auto nats = open_broker(settings, signals);
  actors_config system_config{settings.scheduler_threads};
  caf::actor_system system{system_config};
  auto root = system.spawn(node, make_node_options(settings, *nats, std::move(currencies)));
  readiness health{settings, *nats};
  {
    std::optional<http_server> http;
    if (settings.http_listen)
      http.emplace(settings.http_listen->host, settings.http_listen->port,
                   make_routes(make_operations(system, root, health)));
    spdlog::info("{} is running: {} fetchers per consumer, {} gates", settings.node_name,
                 settings.fetchers, settings.gates);
    signals.wait();
    signals.unblock();
    spdlog::info("told to stop: draining within {} ms", settings.shutdown_deadline.count());
    health.set_draining();
    drain(system, root, settings);
  }
  root = nullptr;
  spdlog::info("stopped");
}

} // namespace

int run_daemon(const config& settings) {
  const termination_signals signals;
  try {
    run_until_told_to_stop(settings, signals);
    return exit_done;
  } catch (const stop_start& stop) {
    return stop.exit_code;
  }
}

} // namespace ledgerd
