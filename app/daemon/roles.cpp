#include "app/daemon/roles.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "app/config/database_urls.hpp"
#include "app/config/memory_budget.hpp"
#include "app/operations/recovery_board.hpp"
#include "messaging/recovery_source.hpp"
#include "messaging/shadow_ports.hpp"
#include "messaging/shadow_topology.hpp"
#include "messaging/topology.hpp"
#include "persistence/postgres.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t recovery_messages = 256;
constexpr std::size_t letter_messages = 256;
constexpr std::size_t received_messages = 65536;
// What is held is renewed as if the broker waited no longer, however long it does.
constexpr auto lease_max = std::chrono::milliseconds{30000};

// One that does not exist has no wait: taken for 0, all that is held would be renewed for ever. Of
// one that is silent: the least that is not refused.
std::chrono::milliseconds wait_of(broker& nats, const pulled_consumer& one,
                                  const config& settings) {
  try {
    const auto found = nats.consumer(one.stream, one.durable);
    if (found.exists)
      return found.ack_wait;
  } catch (const part_silent&) {
    return std::min(settings.ack_wait, settings.shutdown_deadline);
  }
  throw std::runtime_error("the consumer " + std::string{one.durable} + " is gone");
}

// It pulls all requests in the order of the stream, publishes nothing and compares. `bytes` are for
// the requests, and as many for the results: there is one fetcher instead of two or more.
void become_shadow(ledger_root_options& options, const config& settings, broker& nats,
                   std::size_t bytes) {
  const auto notes = std::make_shared<shadow_notes>();
  const auto source = [&](std::string_view stream, std::string_view durable) {
    options.lease = std::min(options.lease, wait_of(nats, {stream, durable}, settings));
    return nats.make_source(stream, durable, settings.batch_max);
  };
  options.fetchers.push_back(
      {std::string{names::shadow_request_consumer} + "/0",
       make_noted_source(source(names::request_stream, names::shadow_request_consumer), notes),
       make_silent_publisher(notes, nats.message_bytes_max()),
       {settings.max_in_flight, bytes}});
  options.shadow =
      shadow_options{.results = source(names::result_stream, names::shadow_result_consumer),
                     .ledger = make_postgres_reader(ledger_database(settings)),
                     .notes = notes,
                     .currencies = options.currencies,
                     .book = {.bytes_max = bytes}};
}

std::size_t fetchers_of(const config& settings) {
  return settings.has_role(role::ledger)
             ? movement_routes.size() * static_cast<std::size_t>(settings.fetchers)
             : 0;
}

memory_budget budget_of(const config& settings) {
  return share_memory(settings.memory_max, fetchers_of(settings), settings.has_role(role::account));
}

} // namespace

std::string payload_warning(const config& settings, std::size_t message_bytes_max) {
  constexpr std::size_t frame_bytes = 8 * 1024; // subject, receipt
  const auto budget = budget_of(settings);
  const auto credit = settings.has_role(role::account) ? budget.reconciler : budget.fetcher;
  if (message_bytes_max + frame_bytes <= credit)
    return {};
  return "max_payload of nats-server is " + std::to_string(message_bytes_max)
         + " bytes, and of what is pulled from one consumer at a time " + std::to_string(credit)
         + " may be held: larger messages come one by one, and the node may take more than "
           "memory-max; lower max_payload, raise memory-max, or run fewer fetchers";
}

std::vector<pulled_consumer> consumers_of(const config& settings) {
  std::vector<pulled_consumer> result;
  if (settings.shadow)
    return {{names::request_stream, names::shadow_request_consumer},
            {names::result_stream, names::shadow_result_consumer}};
  if (settings.has_role(role::ledger))
    for (const auto& route : movement_routes)
      result.push_back({names::request_stream, route.consumer});
  if (settings.has_role(role::account)) {
    result.push_back({names::result_stream, names::account_result_consumer});
    result.push_back({names::dead_letter_stream, names::account_dead_letter_consumer});
  }
  return result;
}

node_word make_node_word(const config& settings, std::uint64_t database) {
  std::random_device entropy;
  std::uint64_t boot = 0;
  while (boot == 0)
    boot = (std::uint64_t{entropy()} << 32) | entropy();
  return {.boot = boot_id{boot},
          .name = settings.node_name,
          .version = LEDGERD_VERSION,
          .link_least = link_version_least,
          .link_most = link_version,
          .ledger = settings.has_role(role::ledger),
          .account = settings.has_role(role::account),
          .database = database};
}

std::shared_ptr<own_questions> own_questions_of(const config& settings) {
  const bool both = settings.has_role(role::ledger) && settings.has_role(role::account);
  return both ? make_own_questions() : nullptr;
}

ledger_root_options make_ledger_role(const config& settings, broker& nats, const node_word& self,
                                     std::shared_ptr<const currency_table> currencies,
                                     std::shared_ptr<currency_lookup> lookup,
                                     const std::shared_ptr<own_questions>& own) {
  ledger_root_options options{.node_name = settings.node_name,
                              .fetchers = {},
                              .stores = {},
                              .side_stores = {},
                              .currencies = std::move(currencies),
                              .rules = settings.rules,
                              .lookup = std::move(lookup),
                              .batch_max = settings.batch_max,
                              .ledgers_max = settings.ledgers_max,
                              .ledger_idle = settings.ledger_idle,
                              .attempts_max = settings.attempts_max,
                              .lease = lease_max};
  // The consumers share what this node may hold.
  const auto budget = budget_of(settings);
  const capacity credit{std::max<std::size_t>(1, settings.max_in_flight / fetchers_of(settings)),
                        budget.fetcher};
  if (settings.shadow)
    become_shadow(options, settings, nats, budget.fetcher);
  for (const auto& route : settings.shadow ? std::span<const movement_route>{} : movement_routes) {
    options.lease =
        std::min(options.lease, wait_of(nats, {names::request_stream, route.consumer}, settings));
    const std::string name{route.consumer};
    for (int i = 0; i < settings.fetchers; ++i)
      options.fetchers.push_back(
          {name + "/" + std::to_string(i),
           nats.make_source(names::request_stream, route.consumer, settings.batch_max),
           nats.make_publisher(), credit});
    options.fetchers.push_back(
        {name + "/recovery",
         make_recovery_source(nats, names::request_stream, route.consumer, route.request,
                              settings.recovery_interval,
                              [name](std::size_t failed, const std::string& why) {
                                note_recovery(name, failed, why);
                              }),
         nats.make_publisher(),
         {recovery_messages, budget.recovery}});
  }
  for (int i = 0; i < settings.gates; ++i) {
    options.stores.push_back(make_postgres_store(ledger_database(settings)));
    options.side_stores.push_back(
        make_postgres_store(ledger_database(settings))); // not yet connected
  }
  if (settings.shadow)
    return options; // nobody asks it, and it belongs to no cluster
  auto desk =
      nats.make_desk({std::string{names::api_account}, std::string{names::api_history},
                      std::string{names::api_verdicts}, std::string{names::api_currencies}});
  options.desk = own ? answer_own_too(own, std::move(desk)) : std::move(desk);
  options.reader = make_postgres_reader(ledger_database(settings));
  options.cluster =
      ledger_cluster{.self = self,
                     .words = nats.make_word_line(),
                     .asks = nats.make_cluster_desk(),
                     .entries = nats.make_entries_desk(self.boot),
                     .make_line = [&nats](boot_id peer) { return nats.make_peer_line(peer); },
                     .received = {received_messages, budget.received}};
  return options;
}

submission_root_options make_account_role(const config& settings, broker& nats,
                                          const node_word& self,
                                          std::shared_ptr<const currency_table> currencies,
                                          std::shared_ptr<currency_lookup> lookup,
                                          const std::shared_ptr<ledger_view>& view,
                                          const std::shared_ptr<own_questions>& own) {
  const auto store = [&] { return make_postgres_record_store(account_database(settings), view); };
  submission_root_options options{.node_name = settings.node_name,
                                  .currencies = std::move(currencies),
                                  .lookup = std::move(lookup),
                                  .reconcilers = {},
                                  .intake_store = store(),
                                  .finder_store = store(),
                                  .redriver_store = store(),
                                  .intake_requests = nats.make_publisher(),
                                  .redriver_requests = nats.make_publisher(),
                                  .questions = own ? ask_own_first(own, nats.make_inquirer())
                                                   : nats.make_inquirer(),
                                  .submissions_max = settings.submissions_max,
                                  .batch_max = settings.batch_max,
                                  .lease = lease_max,
                                  .redrive_after = settings.redrive_after};
  if (!settings.has_role(role::ledger))
    options.membership = membership_options{
        .self = self, .line = nats.make_word_line(), .desk = nats.make_cluster_desk()};
  const auto budget = budget_of(settings);
  const auto reconcile = [&](std::string_view stream, std::string_view durable, bool letters,
                             const capacity& credit) {
    options.lease = std::min(options.lease, wait_of(nats, {stream, durable}, settings));
    options.reconcilers.push_back({std::string{durable} + "/0",
                                   nats.make_source(stream, durable, settings.batch_max),
                                   nats.make_publisher(), store(), credit, letters});
  };
  const auto messages = std::min<std::size_t>(settings.max_in_flight, 4096);
  reconcile(names::result_stream, names::account_result_consumer, false,
            {messages, budget.reconciler});
  reconcile(names::dead_letter_stream, names::account_dead_letter_consumer, true,
            {std::min(messages, letter_messages), budget.letters});
  return options;
}

std::shared_ptr<desk_tools> make_desk_tools(const config& settings, broker& nats,
                                            std::shared_ptr<const currency_table> currencies) {
  auto tools = std::make_shared<desk_tools>();
  tools->nats = &nats;
  if (settings.has_role(role::ledger))
    tools->ledger = make_postgres_reader(ledger_database(settings));
  if (settings.has_role(role::account))
    tools->records = make_postgres_record_reader(account_database(settings));
  tools->currencies = std::move(currencies);
  tools->rules = settings.rules;
  tools->node = settings.node_name;
  return tools;
}

ledger_facts_source make_facts_source(const config& settings, broker& nats,
                                      std::shared_ptr<ledger_view> view) {
  ledger_facts_source::ports from;
  if (settings.has_role(role::account))
    from.keeper = make_postgres_account_keeper(account_database(settings));
  if (settings.has_role(role::ledger))
    from.ledger = make_postgres_reader(ledger_database(settings));
  else
    from.questions = nats.make_inquirer();
  return {std::move(from), std::move(view)};
}

watched_databases make_watched_databases(const config& settings) {
  watched_databases databases;
  if (settings.has_role(role::ledger))
    databases.ledger = make_postgres_reader(ledger_database(settings));
  if (settings.has_role(role::account))
    databases.records = make_postgres_record_reader(account_database(settings));
  return databases;
}

std::size_t sessions_needed(const config& settings, schema which) {
  constexpr std::size_t health = 2; // one that is kept, and a new one now and then
  constexpr std::size_t desks = 2;
  constexpr std::size_t facts = 1;
  if (which == schema::account) {
    constexpr std::size_t stores = 5; // of intake, finder, redriver and two reconcilers
    return settings.has_role(role::account) ? stores + facts + desks + health : 0;
  }
  constexpr std::size_t responder = 1, audit = 1;
  return settings.has_role(role::ledger) ? 2 * static_cast<std::size_t>(settings.gates) + responder
                                               + facts + desks + audit + health
                                         : 0;
}

std::unique_ptr<ledger_reader> make_audited_ledger(const config& settings) {
  const bool own = settings.has_role(role::ledger) && !settings.shadow; // its results are another's
  return own ? make_postgres_reader(ledger_database(settings)) : nullptr;
}

} // namespace ledgerd
