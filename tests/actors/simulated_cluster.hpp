// Three nodes of the ledger, all actors, on one misbehaving broker and one misbehaving database,
// driven by a seed: nodes join, leave, die and come back under their names, hang as a whole or at
// the database, and are cut off from each other or from all.
#pragma once

#include "actors/ledger/root.hpp"
#include "tests/actors/simulated_network.hpp"
#include "tests/support/memory_store.hpp"

#include "tests/actors/simulation_checks.hpp"

namespace ledgerd::test {

// What a run has counted, over all nodes that ever lived: such as {"region forwarded_total", 17}.
using tallies = std::map<std::string, std::int64_t>;

class simulated_cluster : public fixture {
public:
  static constexpr int users = 12;
  static constexpr int messages = 600;
  static constexpr std::int64_t refused_by_database = 13; // a record id that no attempt can post
  static constexpr std::chrono::milliseconds step_length{50};

  explicit simulated_cluster(std::uint32_t seed);
  ~simulated_cluster() override;

  // Lets requests come and things go wrong, for so many steps.
  void run(int steps);

  // The same, but nodes only leave in good order and come back, and databases only take their time:
  // never so long that somebody would give up waiting.
  void run_in_good_order(int steps);

  // Everything that was wrong is right again; who is away comes back.
  void heal();

  // How many steps it took until every request was settled; nothing: more than `at_most`.
  std::optional<int> settle(int at_most);

  // Long enough for links that had failed again and again to be trusted.
  void rest();

  // What the living nodes hold, such as "gate 0 of ann: waiting 3"; empty: nothing.
  std::vector<std::string> held();

  // Of all nodes that ever lived.
  tallies counted();

  // Two runs of one seed have the same.
  std::string trace() { return trace_; }

  std::shared_ptr<simulated_broker> broker;
  network_ptr network;
  std::shared_ptr<memory_database> database = std::make_shared<memory_database>();
  std::set<std::int64_t> valid_ids;
  std::map<std::string, int> troubles; // how often each befell

private:
  struct node {
    std::string name;
    boot_id boot{};
    ledger_root_actor root; // null: it is away
    std::vector<child> children;
    std::vector<std::shared_ptr<memory_store>> stores;
    bool leaving = false;
    bool database_away = false;
    int back_in = 0; // steps, while it is away
  };

  struct trouble {
    int steps_left = 0;
    std::function<void()> end;
  };

  std::uint32_t random(std::uint32_t below) {
    return static_cast<std::uint32_t>(broker->random() % below);
  }
  bool happens_rarely(std::uint32_t one_in) { return random(one_in) == 0; }

  bool consume_message() override;
  void note(const std::string& what);
  void write_requests();
  void step();
  void act();
  void ask_reports(const std::function<void(const node&, const actor_report&)>& with);
  void sample();

  void start(node& one);
  void kill(node& one);
  void leave(node& one, std::chrono::milliseconds deadline);
  void forget_if_ended(node& one);

  node* pick();
  void begin_trouble();
  void disturb_nodes(node& one);
  void disturb_ways(node& one, node& other);
  void disturb_database();
  void last(std::uint32_t steps_max, std::function<void()> end);
  void freeze(const std::vector<caf::strong_actor_ptr>& whom, std::uint32_t steps_max);
  void run_what_is_thawed();
  node* living(boot_id boot);
  static std::vector<caf::strong_actor_ptr> actors_of(const node& one, std::string_view kind = {});

  std::uint64_t boots_ = 0;
  std::vector<node> nodes_;
  std::vector<trouble> troubles_;
  std::map<caf::resumable*, int> frozen_; // by how many troubles; only looked up
  std::deque<caf::resumable*> aside_;     // jobs of the frozen
  std::optional<account_key> locked_;     // by a stranger, for a while
  int steps_ = 0;
  int written_ = 0;
  // By node, actor and number; what an actor has counted only grows.
  std::shared_ptr<tallies> sampled_ = std::make_shared<tallies>();
  std::string trace_;
};

} // namespace ledgerd::test
