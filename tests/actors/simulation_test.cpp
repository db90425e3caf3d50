// The whole road, all actors, driven by seeds: two nodes share one misbehaving broker and one
// misbehaving database. Whatever happens on the way, the end must satisfy the design's invariants.
#define CAF_SUITE simulation

#include "actors/ledger/root.hpp"

#include "tests/actors/simulated_broker.hpp"
#include "tests/support/memory_store.hpp"

#include "tests/actors/simulation_checks.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr int users = 7;
constexpr int messages_per_run = 400;
constexpr std::int64_t refused_by_database = 13; // a record id that no attempt can post

struct faults_seen {
  std::int64_t redelivered = 0;
  std::int64_t fence_rejections = 0;
  std::int64_t heads_lost = 0;
  std::int64_t in_doubt = 0;
  std::int64_t unconfirmed = 0;
  std::int64_t set_aside = 0;
  std::int64_t let_go = 0;
  std::int64_t own_failures = 0;
};

struct simulation : fixture {
  std::shared_ptr<simulated_broker> broker;
  std::shared_ptr<memory_database> database;
  std::vector<std::shared_ptr<memory_store>> stores;
  std::vector<ledger_root_actor> nodes;
  std::set<std::int64_t> valid_ids;
  std::optional<account_key> locked; // by a stranger, for a while

  void begin(std::uint32_t seed) {
    broker = std::make_shared<simulated_broker>(seed, simulated_broker::chances{10, 10, 5, 5});
    database = std::make_shared<memory_database>();
    stores.clear();
    nodes.clear();
    valid_ids.clear();
    locked.reset();
    write_requests();
    start_node("a");
    start_node("b");
  }

  void write_requests() {
    auto& random = broker->random;
    for (int i = 0; i < messages_per_run; ++i) {
      // Few ids, so that many repeat: with the same content, and now and then with another.
      const auto id = static_cast<std::int64_t>(random() % (messages_per_run / 2) + 1);
      const auto twist = random() % 20 == 0 ? 1 : 0;
      const auto user = "user-" + std::to_string((id + twist) % users);
      const auto subject = id % 3 == 0 ? "transaction.withdrawal" : "transaction.deposit";
      if (random() % 25 == 0) {
        broker->store_request(subject, R"({"recordId":)" + std::to_string(id) + ",");
      } else {
        broker->store_request(subject, deposit_json(id, user, id % 97 + 1));
        valid_ids.insert(id);
      }
    }
  }

  std::shared_ptr<memory_store> make_store() {
    stores.push_back(std::make_shared<memory_store>(database));
    stores.back()->reject(record_id{refused_by_database});
    return stores.back();
  }

  void start_node(const std::string& name) {
    ledger_root_options options{.node_name = name,
                                .fetchers = {},
                                .stores = {},
                                .side_stores = {},
                                .currencies = won(),
                                .rules = {.default_currency = *currency_code::parse("KRW")},
                                .batch_max = 8,
                                .ledgers_max = 3,
                                .ledger_idle = std::chrono::milliseconds{2000},
                                .attempts_max = usual::attempts_max,
                                .lease = usual::lease,
                                .detach = false};
    for (int i = 0; i < 2; ++i) {
      options.fetchers.push_back({"consumer/" + std::to_string(i),
                                  std::make_shared<simulated_source>(broker),
                                  std::make_shared<simulated_publisher>(broker), 20});
      options.stores.push_back(make_store());
      options.side_stores.push_back(make_store());
    }
    nodes.push_back(started_actor(sys.spawn(ledger_root, options)));
  }

  void disturb() {
    auto& store = *stores[broker->random() % stores.size()];
    if (broker->happens(5))
      store.fail_next(1 + static_cast<int>(broker->random() % 3), store_failure_kind::unavailable);
    if (broker->happens(10))
      store.commit_in_doubt_next(1);
    if (broker->happens(2))
      broker->redeliver_unsettled();
    if (locked && broker->happens(10))
      unlock();
    else if (!locked && broker->happens(5))
      lock_somebody();
  }

  // The stores may find out at once, only when they write one by one, or never.
  void lock_somebody() {
    constexpr memory_store::naming ways[] = {memory_store::naming::at_once,
                                             memory_store::naming::one_by_one,
                                             memory_store::naming::never};
    const auto how = ways[broker->random() % std::size(ways)];
    locked = won_account("user-" + std::to_string(broker->random() % users));
    for (const auto& each : stores)
      each->block(*locked, how);
  }

  void unlock() {
    for (const auto& each : stores)
      each->unblock(*locked);
    locked.reset();
  }

  void run_to_the_end() {
    for (int step = 0; step < 4000 && !broker->all_settled(); ++step) {
      disturb();
      // A few messages in the scheduler's order, then time: actors of both nodes interleave.
      for (auto budget = broker->random() % 200; budget > 0 && consume_message(); --budget) {
      }
      advance_time(std::chrono::milliseconds{50});
      if (step % 100 == 99)
        broker->redeliver_unsettled();
    }
    if (locked)
      unlock();
    CAF_REQUIRE_EQUAL(broker->settled.size(), broker->requests.size());
    pass(std::chrono::milliseconds{10000});
  }

  faults_seen seen() {
    auto result = std::make_shared<faults_seen>();
    const auto add = [result](const std::vector<actor_report>& reports) {
      for (const auto& report : reports)
        for (const auto& [what, value] : report.values) {
          const auto name = what->name;
          result->redelivered += name == "redelivered_total" ? value : 0;
          result->fence_rejections += name == "fence_rejections_total" ? value : 0;
          result->heads_lost += name == "heads_lost_total" ? value : 0;
          result->in_doubt += name == "in_doubt_total" ? value : 0;
          result->unconfirmed += name == "unconfirmed_total" ? value : 0;
          result->let_go += name == "let_go_total" ? value : 0;
          result->set_aside += name == "set_aside_total" ? value : 0;
          result->own_failures += name == "own_failures_total" ? value : 0;
        }
    };
    for (const auto& each : nodes)
      ask(each, add, report_atom_v);
    consume_messages();
    return *result;
  }

  void stop_nodes() {
    for (const auto& each : nodes)
      ask(
          each, [](const drain_summary&) {}, drain_atom_v, std::int64_t{1000});
    pass(std::chrono::milliseconds{2000});
  }
};

} // namespace

CAF_TEST(two nodes and misbehaving surroundings lose nothing and apply nothing twice) {
  faults_seen total;
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    CAF_MESSAGE("seed " << seed);
    simulation run;
    run.begin(seed);
    run.run_to_the_end();
    const auto ledger = run.database->picture();
    for (const auto id : run.valid_ids)
      CAF_CHECK_EQUAL(ledger.postings.contains(record_id{id}), id != refused_by_database);
    check_chains(ledger);
    check_outcomes(*run.broker, ledger);
    const auto seen = run.seen();
    total.redelivered += seen.redelivered;
    total.fence_rejections += seen.fence_rejections;
    CAF_CHECK_EQUAL(seen.heads_lost, 0); // an old head is no loss
    total.in_doubt += seen.in_doubt;
    total.unconfirmed += seen.unconfirmed;
    total.set_aside += seen.set_aside;
    total.let_go += seen.let_go;
    total.own_failures += seen.own_failures;
    run.stop_nodes();
  }
  // A simulation in which nothing went wrong has shown nothing.
  CAF_MESSAGE("redelivered " << total.redelivered << ", fenced " << total.fence_rejections
                             << ", in doubt " << total.in_doubt << ", unconfirmed "
                             << total.unconfirmed << ", set aside " << total.set_aside
                             << ", let go " << total.let_go << ", own failures "
                             << total.own_failures);
  CAF_CHECK_GREATER(total.redelivered, 1000);
  CAF_CHECK_GREATER(total.fence_rejections, 100);
  CAF_CHECK_GREATER(total.in_doubt, 20);
  CAF_CHECK_GREATER(total.unconfirmed, 1000);
  CAF_CHECK_GREATER(total.set_aside, 100);
  CAF_CHECK_GREATER(total.own_failures, 100);
}
