#include "tests/actors/simulated_cluster.hpp"

#include "domain/ownership.hpp"

namespace ledgerd::test {

namespace {

constexpr simulated_broker::chances broker_chances{5, 5, 5, 5};
constexpr simulated_network::chances fair{1, 1, 1};
constexpr simulated_network::chances rough{15, 15, 30};

caf::resumable* job_of(const caf::strong_actor_ptr& whom) {
  return dynamic_cast<caf::resumable*>(caf::actor_cast<caf::abstract_actor*>(whom));
}

bool has_ended(const caf::strong_actor_ptr& whom) {
  return caf::actor_cast<caf::abstract_actor*>(whom)->getf(caf::abstract_actor::is_terminated_flag);
}

} // namespace

simulated_cluster::simulated_cluster(std::uint32_t seed)
    : broker(std::make_shared<simulated_broker>(seed, broker_chances)),
      network(std::make_shared<simulated_network>(seed + 1)), boots_(seed * 1000ULL) {
  network->weather = fair;
  // Names decide who owns what: other seeds, other owners.
  for (const auto* each : {"ann-", "bea-", "cid-"})
    nodes_.push_back({.name = each + std::to_string(seed)});
  start(nodes_[0]);
  start(nodes_[1]);
  nodes_[2].back_in = static_cast<int>(random(200));
}

simulated_cluster::~simulated_cluster() {
  troubles_.clear();
  for (auto& each : nodes_)
    if (each.root)
      kill(each);
}

void simulated_cluster::note(const std::string& what) {
  trace_ += std::to_string(steps_) + " " + what + "\n";
}

// -- the scheduler

bool simulated_cluster::consume_message() {
  auto& jobs = sched.jobs;
  for (; !jobs.empty() && frozen_.contains(jobs.front()); jobs.pop_front())
    aside_.push_back(jobs.front());
  return sched.try_run_once();
}

void simulated_cluster::run_what_is_thawed() {
  for (auto* each : std::exchange(aside_, {}))
    (frozen_.contains(each) ? aside_ : sched.jobs).push_back(each);
}

// They get no time: stopped, or waiting for a database that says nothing.
void simulated_cluster::freeze(const std::vector<caf::strong_actor_ptr>& whom,
                               std::uint32_t steps_max) {
  for (const auto& each : whom)
    ++frozen_[job_of(each)];
  last(steps_max, [this, whom] {
    for (const auto& each : whom)
      if (const auto found = frozen_.find(job_of(each));
          found != frozen_.end() && --found->second == 0)
        frozen_.erase(found);
    run_what_is_thawed();
  });
}

// -- nodes

std::vector<caf::strong_actor_ptr> simulated_cluster::actors_of(const node& one,
                                                                std::string_view kind) {
  std::vector<caf::strong_actor_ptr> result;
  for (const auto& each : one.children)
    if (kind.empty() || each.role.kind == kind)
      result.push_back(caf::actor_cast<caf::strong_actor_ptr>(each.handle));
  if (kind.empty())
    result.push_back(caf::actor_cast<caf::strong_actor_ptr>(one.root));
  return result;
}

void simulated_cluster::start(node& one) {
  one.boot = boot_id{++boots_};
  const auto self = one.boot;
  ledger_root_options options{.node_name = one.name,
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
  options.cluster =
      ledger_cluster{.self = {.boot = self,
                              .name = one.name,
                              .version = "1",
                              .link_least = link_version_least,
                              .link_most = link_version,
                              .ledger = true},
                     .words = std::make_shared<simulated_word_line>(network, self),
                     .asks = nullptr,
                     .entries = std::make_shared<simulated_entries_desk>(network, self),
                     .make_line = [by = network, self](boot_id peer) -> std::shared_ptr<peer_line> {
                       return std::make_shared<simulated_peer_line>(by, self, peer);
                     },
                     .received = {16, 1 << 20}};
  one.stores.clear();
  for (int i = 0; i < 2; ++i) {
    options.fetchers.push_back({"consumer/" + std::to_string(i),
                                std::make_shared<severable_source>(broker, network, self),
                                std::make_shared<severable_publisher>(broker, network, self),
                                {20}});
    for (auto* stores : {&options.stores, &options.side_stores}) {
      one.stores.push_back(std::make_shared<memory_store>(database));
      one.stores.back()->reject(record_id{refused_by_database});
      if (locked_)
        one.stores.back()->block(*locked_, memory_store::naming::at_once);
      stores->push_back(one.stores.back());
    }
  }
  one.root = sys.spawn(ledger_root, options);
  sched.prioritize(one.root);
  sched.run_once();
  one.children = deref<caf::stateful_actor<ledger_root_state, ledger_root_actor::base>>(one.root)
                     .state.children();
  one.leaving = one.database_away = false;
  note("starts " + one.name + " as " + to_text(self));
}

// Without a word: the root first, so that it does not miss the others.
void simulated_cluster::kill(node& one) {
  note("dies " + one.name);
  network->end(one.boot);
  auto all = actors_of(one);
  for (const auto& each : all)
    frozen_.erase(job_of(each));
  run_what_is_thawed();
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    const auto whom = caf::actor_cast<caf::actor>(*each);
    caf::anon_send_exit(whom, caf::exit_reason::kill);
    while (!has_ended(*each) && sched.prioritize(whom))
      sched.run_once();
    CAF_REQUIRE(has_ended(*each));
  }
  one.root = ledger_root_actor{};
  one.children.clear();
}

void simulated_cluster::leave(node& one, std::chrono::milliseconds deadline) {
  note("leaves " + one.name);
  one.leaving = true;
  ask(
      one.root, [](const drain_summary&) {}, drain_atom_v,
      static_cast<std::int64_t>(deadline.count()));
}

void simulated_cluster::forget_if_ended(node& one) {
  const auto all = actors_of(one);
  if (!std::all_of(all.begin(), all.end(), has_ended))
    return;
  note("has left " + one.name);
  network->end(one.boot);
  one.root = ledger_root_actor{};
  one.children.clear();
  one.back_in = static_cast<int>(random(100));
}

simulated_cluster::node* simulated_cluster::living(boot_id boot) {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                  [&](const node& each) { return each.root && each.boot == boot; });
  return found == nodes_.end() ? nullptr : &*found;
}

// -- time

void simulated_cluster::write_requests() {
  for (auto left = 1 + random(8); left > 0 && written_ < messages; --left, ++written_) {
    // Few ids, so that many repeat: with the same content, and now and then with another.
    const auto id = static_cast<std::int64_t>(random(messages / 2) + 1);
    const auto twist = happens_rarely(20) ? 1 : 0;
    const auto user = "user-" + std::to_string((id + twist) % users);
    const auto* subject = id % 3 == 0 ? "transaction.withdrawal" : "transaction.deposit";
    if (happens_rarely(25)) {
      broker->store_request(subject, R"({"recordId":)" + std::to_string(id) + ",");
    } else {
      broker->store_request(subject, deposit_json(id, user, id % 97 + 1));
      valid_ids.insert(id);
    }
  }
}

// A few messages in the scheduler's order, then time: actors of all nodes interleave.
void simulated_cluster::act() {
  for (int round = 0; round < 3; ++round) {
    network->deliver(sched.clock().now());
    for (auto budget = random(120); budget > 0 && consume_message(); --budget) {
    }
  }
  advance_time(step_length);
}

void simulated_cluster::step() {
  ++steps_;
  for (auto& each : troubles_)
    if (--each.steps_left == 0)
      each.end();
  std::erase_if(troubles_, [](const trouble& each) { return each.steps_left <= 0; });
  for (auto& each : nodes_)
    if (!each.root && --each.back_in <= 0)
      start(each);
    else if (each.root && each.leaving)
      forget_if_ended(each);
  act();
  if (steps_ % 20 == 0)
    sample();
}

void simulated_cluster::run(int steps) {
  for (; steps > 0; --steps) {
    if (happens_rarely(6))
      write_requests();
    disturb_database();
    if (happens_rarely(25))
      begin_trouble();
    if (happens_rarely(100))
      broker->redeliver_unsettled();
    step();
  }
}

void simulated_cluster::run_in_good_order(int steps) {
  network->weather = {};
  broker->calm();
  for (; steps > 0; --steps) {
    if (happens_rarely(6))
      write_requests();
    // Who is to lose accounts still has some of them at its database.
    const auto be_slow = [this](const node& whom) { freeze(actors_of(whom, "poster"), 40); };
    for (const auto& joins : nodes_)
      if (!joins.root && joins.back_in == 1)
        for (const auto& each : nodes_)
          if (each.root)
            be_slow(each);
    auto& one = nodes_[random(3)];
    const bool all_there = std::all_of(nodes_.begin(), nodes_.end(),
                                       [](const node& each) { return each.root && !each.leaving; });
    if (all_there && happens_rarely(60)) {
      be_slow(one);
      leave(one, std::chrono::milliseconds{10000});
    }
    step();
  }
}

void simulated_cluster::heal() {
  for (auto& each : std::exchange(troubles_, {}))
    each.end();
  while (written_ < messages)
    write_requests();
  network->weather = {};
  broker->calm();
  if (locked_) {
    for (const auto& each : nodes_)
      for (const auto& store : each.stores)
        store->unblock(*locked_);
    locked_.reset();
  }
  for (const auto& each : nodes_)
    for (const auto& store : each.stores) {
      store->fail_next(0, store_failure_kind::unavailable);
      store->commit_in_doubt_next(0);
    }
}

std::optional<int> simulated_cluster::settle(int at_most) {
  for (int took = 0; took <= at_most; ++took) {
    const bool all_there = std::all_of(nodes_.begin(), nodes_.end(),
                                       [](const node& each) { return each.root && !each.leaving; });
    if (all_there && broker->all_settled()) {
      note("settled");
      return took;
    }
    // The leases of those who died run out.
    if (took % 100 == 0)
      broker->redeliver_unsettled();
    step();
  }
  return std::nullopt;
}

void simulated_cluster::rest() {
  for (int i = 0; i < 800; ++i) {
    network->deliver(sched.clock().now());
    consume_messages();
    advance_time(step_length);
  }
}

// -- troubles

void simulated_cluster::last(std::uint32_t steps_max, std::function<void()> end) {
  troubles_.push_back({static_cast<int>(1 + random(steps_max)), std::move(end)});
}

void simulated_cluster::begin_trouble() {
  auto& one = nodes_[random(3)];
  auto& other = nodes_[random(3)];
  if (!one.root)
    return;
  switch (random(3)) {
  case 0:
    return disturb_nodes(one);
  case 1:
    return disturb_ways(one, other);
  default:
    network->weather = rough;
    ++troubles["rough weather"];
    return last(100, [this] { network->weather = fair; });
  }
}

void simulated_cluster::disturb_nodes(node& one) {
  const auto befalls = [&](const std::string& what) {
    note(what + " " + one.name);
    ++troubles[what];
  };
  switch (random(5)) {
  case 0:
    ++troubles["death"];
    kill(one);
    one.back_in = static_cast<int>(1 + random(150));
    return;
  case 1:
    if (one.leaving)
      return;
    ++troubles["leave"];
    return leave(one, std::chrono::milliseconds{1000});
  case 2:
    befalls("database away");
    for (const auto& each : one.stores)
      each->fail_next(1 << 30, store_failure_kind::unavailable);
    one.database_away = true;
    return last(120, [this, boot = one.boot] {
      auto* whom = living(boot);
      if (whom == nullptr)
        return;
      whom->database_away = false;
      for (const auto& each : whom->stores)
        each->fail_next(0, store_failure_kind::unavailable);
    });
  case 3: {
    befalls("database hangs");
    auto posters = actors_of(one, "poster");
    if (happens_rarely(2))
      for (auto& each : actors_of(one, "side poster"))
        posters.push_back(std::move(each));
    return freeze(posters, 200);
  }
  default:
    befalls("node hangs");
    return freeze(actors_of(one), 120);
  }
}

void simulated_cluster::disturb_ways(node& one, node& other) {
  const auto from = one.boot, to = other.boot;
  if (from == to || !other.root) {
    note("cut off " + one.name);
    ++troubles["cut off"];
    network->cut(from);
    return last(120, [this, from] { network->mend(from); });
  }
  const bool both = happens_rarely(2), words_pass = happens_rarely(2);
  const auto what = std::string{both ? "parted both ways" : "parted one way"}
                    + (words_pass ? ", words pass" : "");
  note(what + " " + one.name + " " + other.name);
  ++troubles[what];
  network->part(from, to, words_pass);
  if (both)
    network->part(to, from, words_pass);
  last(160, [this, from, to] {
    network->join(from, to);
    network->join(to, from);
  });
}

// Short failures of single stores, and a stranger who holds an account's row.
void simulated_cluster::disturb_database() {
  auto& one = nodes_[random(3)];
  if (!one.root)
    return;
  auto& store = *one.stores[random(static_cast<std::uint32_t>(one.stores.size()))];
  if (!one.database_away && happens_rarely(40))
    store.fail_next(1 + static_cast<int>(random(3)), store_failure_kind::unavailable);
  if (happens_rarely(20))
    store.commit_in_doubt_next(1);
  const bool change = happens_rarely(locked_ ? 20 : 40);
  if (!change)
    return;
  const auto ways = {memory_store::naming::at_once, memory_store::naming::one_by_one,
                     memory_store::naming::never};
  const auto how = ways.begin()[random(3)];
  const auto before = std::exchange(
      locked_,
      locked_ ? std::nullopt : std::optional{won_account("user-" + std::to_string(random(users)))});
  for (const auto& each : nodes_)
    for (const auto& store_of : each.stores)
      if (locked_)
        store_of->block(*locked_, how);
      else
        store_of->unblock(*before);
}

// -- what the nodes say of themselves

void simulated_cluster::ask_reports(
    const std::function<void(const node&, const actor_report&)>& with) {
  for (const auto& each : nodes_)
    if (each.root)
      ask(
          each.root,
          [with,
           who = node{.name = each.name, .boot = each.boot}](const std::vector<actor_report>& all) {
            for (const auto& one : all)
              with(who, one);
          },
          report_atom_v);
}

void simulated_cluster::sample() {
  ask_reports([into = sampled_](const node& who, const actor_report& report) {
    for (const auto& [what, value] : report.values)
      if (what->kind == metric_kind::counter) {
        auto& most = (*into)[report.actor + " " + std::string{what->name} + "|" + report.instance
                             + "|" + to_text(who.boot)];
        most = std::max(most, value);
      }
  });
}

tallies simulated_cluster::counted() {
  sample();
  consume_messages();
  tallies result;
  for (const auto& [name, value] : *sampled_)
    result[name.substr(0, name.find('|'))] += value;
  return result;
}

std::vector<std::string> simulated_cluster::held() {
  static const std::set<std::string_view> holding{"waiting",    "owed",        "held",
                                                  "held_bytes", "under_way",   "aside_waiting",
                                                  "paused",     "circuit_open"};
  const auto result = std::make_shared<std::vector<std::string>>();
  const auto shards = std::make_shared<std::map<std::string, std::int64_t>>();
  ask_reports([=](const node& who, const actor_report& report) {
    const auto whose = report.actor + " " + report.instance + " of " + who.name + ": ";
    if (report.values.empty())
      result->push_back(whose + "says nothing");
    for (const auto& [what, value] : report.values) {
      if (holding.contains(what->name) && value != 0)
        result->push_back(whose + std::string{what->name} + " " + std::to_string(value));
      if (what->name == "shards" || what->name == "peers" || what->name == "link_up")
        (*shards)[std::string{what->name}] += value;
    }
  });
  consume_messages();
  // Each shard is decided by one node, and everybody reaches everybody.
  const auto all = static_cast<std::int64_t>(shard_count);
  if (*shards != std::map<std::string, std::int64_t>{{"shards", all}, {"peers", 6}, {"link_up", 6}})
    for (const auto& [what, sum] : *shards)
      result->push_back("all " + what + ": " + std::to_string(sum));
  return *result;
}

} // namespace ledgerd::test
