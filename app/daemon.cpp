#include "app/daemon.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "actors/account.hpp"
#include "actors/node.hpp"
#include "app/account_routes.hpp"
#include "app/account_service.hpp"
#include "app/currency_watch.hpp"
#include "app/http_access.hpp"
#include "app/http_server.hpp"
#include "app/nats_api.hpp"
#include "app/operations.hpp"
#include "app/options.hpp"
#include "app/readiness.hpp"
#include "app/roles.hpp"
#include "app/signals.hpp"
#include "app/start.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

constexpr int exit_done = 0;
constexpr auto stop_grace = std::chrono::seconds{5};
constexpr auto doors_limit = std::chrono::seconds{10};

struct actors_config : caf::actor_system_config {
  explicit actors_config(int threads) {
    add_message_types<caf::id_block::ledgerd>();
    const auto half = std::max(1U, std::thread::hardware_concurrency() / 2);
    set("scheduler.max-threads",
        threads > 0 ? static_cast<std::size_t>(threads) : static_cast<std::size_t>(half));
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

// The roots of the actors; one of them is empty when this node lacks the role.
struct roots {
  node_actor ledger;
  account_actor account;
  teller_actor nats_api;
};

template <class Root>
void drain(caf::scoped_actor& self, const Root& root, const char* side, const config& settings) {
  if (!root)
    return;
  const auto began = std::chrono::steady_clock::now();
  const auto deadline = settings.shutdown_deadline;
  self->request(root, deadline + stop_grace, drain_atom_v, std::int64_t{deadline.count()})
      .receive(
          [&](const drain_summary& done) {
            const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::steady_clock::now() - began);
            spdlog::info("{}: drained in {} ms: {} settled, {} handed back", side, took.count(),
                         done.settled, done.handed_back);
          },
          [&](const caf::error& reason) {
            spdlog::error("{}: drain failed: {}", side, self->system().render(reason));
          });
}

// The account side first: it takes nothing more, and what it has published the ledger may still
// decide.
void drain_all(caf::actor_system& system, const roots& all, const config& settings) {
  end_process_after(2 * settings.shutdown_deadline + stop_grace);
  caf::scoped_actor self{system};
  if (all.nats_api)
    self->send_exit(all.nats_api, caf::exit_reason::user_shutdown);
  drain(self, all.account, "account", settings);
  drain(self, all.ledger, "ledger", settings);
}

account_doors ask_doors(caf::actor_system& system, const account_actor& root) {
  account_doors result;
  caf::scoped_actor self{system};
  self->request(root, doors_limit, doors_atom_v)
      .receive([&](const account_doors& doors) { result = doors; },
               [&](const caf::error& reason) {
                 throw std::runtime_error("the account side did not start: "
                                          + system.render(reason));
               });
  return result;
}

std::shared_ptr<account_api>
start_account(caf::actor_system& system, roots& all, const config& settings, broker& nats,
              const std::shared_ptr<const currency_table>& currencies) {
  all.account = system.spawn(account, make_account_role(settings, nats, currencies));
  auto api = make_account_service(system, ask_doors(system, all.account), currencies,
                                  settings.default_currency);
  all.nats_api = spawn_nats_api(
      system, nats.make_desk({std::string{names::api_submit}, std::string{names::api_record}}),
      api);
  return api;
}

std::vector<http_route> make_all_routes(const config& settings, http_routes operations,
                                        std::shared_ptr<account_api> api) {
  auto routes = make_routes(std::move(operations));
  if (api) {
    auto more = make_account_routes(std::move(api));
    std::move(more.begin(), more.end(), std::back_inserter(routes));
  }
  return guard_routes(std::move(routes), read_http_access(settings));
}

void run_until_told_to_stop(const config& settings, const termination_signals& signals) {
  open_databases(settings, signals);
  const auto nats = open_broker(settings, signals);
  const auto currencies = open_currencies(settings, *nats, signals);
  actors_config system_config{settings.scheduler_threads};
  caf::actor_system system{system_config};
  roots all;
  std::shared_ptr<account_api> api;
  if (settings.has_role("ledger"))
    all.ledger = system.spawn(node, make_ledger_role(settings, *nats, currencies));
  if (settings.has_role("account"))
    api = start_account(system, all, settings, *nats, currencies);
  readiness health{settings, *nats};
  const currency_watch watch{currencies, [&] { return read_currencies(settings, *nats); }};
  {
    std::optional<http_server> http;
    if (settings.http_listen)
      http.emplace(
          settings.http_listen->host, settings.http_listen->port,
          make_all_routes(settings, make_operations(system, all.ledger, all.account, health), api));
    spdlog::info("{} is running with the roles {}: {} fetchers per consumer, {} gates",
                 settings.node_name, find_option("roles")->show(settings), settings.fetchers,
                 settings.gates);
    signals.wait();
    signals.unblock();
    spdlog::info("told to stop: draining within {} ms", settings.shutdown_deadline.count());
    health.set_draining();
    drain_all(system, all, settings);
  }
  all = {};
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
