// One seed: some nodes with all their actors and adapters, a nats-server, a database, clients, and
// whatever can go wrong between them. A seed decides everything: who runs next among all that
// could, how long things take, what breaks, when it is whole again.
#pragma once

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "actors/ledger/root.hpp"
#include "actors/submissions/root.hpp"
#include "app/config/config.hpp"
#include "app/config/memory_budget.hpp"
#include "app/daemon/topology_watch.hpp"
#include "domain/record.hpp"
#include "messaging/broker.hpp"
#include "tests/simulation/database.hpp"
#include "tests/simulation/jetstream.hpp"
#include "tests/simulation/machine.hpp"
#include "tests/simulation/network.hpp"

namespace ledgerd::sim {

// What others fill, and what is therefore bounded.
enum class container : std::uint8_t {
  pipe,
  mailbox,
  timers,
  waits,
  connections,
  subscriptions,
  sessions,
  pulls
};

// In the order of `container`.
inline constexpr std::array<std::string_view, 8> container_names{
    "messages in one pipe",
    "messages in one mailbox",
    "timers of a node",
    "threads of a node that wait",
    "connections of a node",
    "subscriptions of a node",
    "database sessions of a node",
    "pull requests of a node at one consumer",
};

// What a run was like.
struct outcome_of_run {
  std::vector<std::string> violations; // empty: all holds
  std::map<std::string, std::uint64_t> seen;
  std::array<std::size_t, container_names.size()> most{}; // at once
  std::uint64_t digest = 0; // of all that happened: two runs of one seed have the same
  std::uint64_t steps = 0;
  milliseconds lasted{0};  // by the simulated clock
  milliseconds settled{0}; // from the end of all faults until everything was at rest
};

// A node between its start and its end.
struct life {
  owner_id id = nobody;
  std::size_t node = 0;
  std::string name;
  bool has_ledger = true;
  bool has_account = false;
  std::unique_ptr<caf::actor_system_config> system_config;
  std::unique_ptr<caf::actor_system> system;
  caf::scheduler::test_coordinator* scheduler = nullptr;
  std::unique_ptr<caf::execution_unit> worker;
  std::shared_ptr<broker> nats;
  ledger_root_actor ledger;
  submission_root_actor account;
  caf::actor api;
  std::unique_ptr<topology_watch> watch; // last: it uses the broker
  time_point began;
  int pulled_while_away = 0; // requests that it got while its database refuses it
  time_point found_out;      // since when these are enough
  bool running = false;      // its actors have started
  bool leaving = false;
  bool stopped = false; // gets no time
  bool dead = false;
  bool steady = true; // nothing but the database has troubled it so far
};

class world {
public:
  world(std::uint64_t seed, bool tells);

  outcome_of_run run();

private:
  friend class troubles;
  friend class traffic;

  struct node {
    std::string name;
    bool has_ledger = true;
    bool has_account = false;
    life* now = nullptr; // null: it is away
    int starts = 0;
  };

  // -- time and turns
  void step();
  void advance(time_point to);
  void advance_to_next();
  void run_job(life& of, std::size_t place);
  void note(const std::string& what);
  void fail(const std::string& what);

  // -- nodes (nodes.cpp)
  config settings_of(const life& one) const;
  void start(node& one);
  void start_up(life& one);
  void connect(life& one);
  void spawn_roles(life& one);
  void kill(node& one);
  void leave(node& one, milliseconds deadline);
  void await_end(life& one, std::size_t which);
  void freeze(life& one, bool on);
  life* alive(owner_id id);

  // -- the course of a run (course.cpp)
  void direct();
  void part_roles();
  void grow_requests();
  std::string user(std::size_t number) const;
  void limit_deliveries();
  void make_requests_anew();
  void heal();
  bool all_there() const;
  bool came_to_rest(time_point healed);
  std::vector<std::string> held(bool remembered);
  void ask_reports(life& one, std::vector<actor_report>& into);
  void sample();

  // -- what must hold (checks.cpp)
  void watch_leases();
  void watch_deletions();
  void excuse_undecided(const stream& of);
  void check_all();
  void check_asked(const test::memory_database::content& ledger);
  void check_chains(const test::memory_database::content& ledger);
  void check_requests(const test::memory_database::content& ledger);
  void check_records(const test::memory_database::content& ledger);

  // -- what is bounded (bounds.cpp)
  void watch_bounds();
  std::size_t most_of(container of_what, const life& one) const;
  void note_size(container of_what, std::size_t size, const life& whose);
  void note_turn(const life& one);
  void note_held(const consumer& at, const life& whose);

  machine machine_;
  network network_{machine_};
  jetstream jetstream_{machine_, network_};
  database database_{machine_};
  const std::uint64_t seed_;
  const bool tells_;
  outcome_of_run result_;
  std::vector<std::unique_ptr<life>> lives_;
  std::vector<node> nodes_;
  std::vector<machine::ready_thread> ready_threads_;
  std::vector<network::step> ready_steps_;
  owner_id acted_ = nobody; // last
  int fetchers_ = 1, gates_ = 1;
  std::size_t credit_ = 40;
  std::size_t users_ = 7;         // who have accounts
  std::size_t padding_ = 0;       // of their names
  std::size_t request_bytes_ = 0; // about what a request takes up; 0: as little as it can
  std::set<std::int64_t> valid_ids_;
  std::multimap<std::int64_t, submission> asked_; // what was published under each
  std::set<std::int64_t> may_miss_; // their requests went with the stream that held them
  std::set<std::string>
      letters_of_deleted_; // what the dead letters of requests that are gone are called
  std::map<std::string, std::int64_t> answered_; // record by key, as clients were told
  std::size_t submissions_open_ = 0;
  bool producing_ = true;
  bool healed_ = false;
};

inline constexpr milliseconds ack_wait{3000};
inline constexpr std::size_t memory_max = memory_max_least; // of a node
inline constexpr std::int64_t refused_id = 13;              // the database never takes it

std::shared_ptr<const currency_table> won();

} // namespace ledgerd::sim
