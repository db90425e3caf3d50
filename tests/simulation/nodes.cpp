// How a node of the simulation starts and ends: as the daemon does, with the daemon's own wiring.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "actors/common/ask.hpp"
#include "actors/common/fail_stop.hpp"
#include "app/api/nats_routes.hpp"
#include "app/api/submission_service.hpp"
#include "app/daemon/roles.hpp"
#include "messaging/names.hpp"
#include "tests/simulation/world.hpp"

namespace ledgerd::sim {

namespace {

// Runs nothing itself.
class idle_worker : public caf::execution_unit {
public:
  idle_worker(caf::actor_system& system, caf::scheduler::test_coordinator& to)
      : execution_unit(&system), to_(to) {}

  void exec_later(caf::resumable* job) override { to_.jobs.push_back(job); }

private:
  caf::scheduler::test_coordinator& to_;
};

struct simulated_config : caf::actor_system_config {
  simulated_config() {
    add_message_types<caf::id_block::ledgerd>();
    set("logger.file-verbosity", caf::atom("quiet"));
    set("logger.console-verbosity", caf::atom("quiet"));
    set("logger.inline-output", true);
    set("scheduler.policy", caf::atom("testing"));
  }
};

template <class Handle>
bool has_ended(const Handle& whom) {
  return !whom
         || caf::actor_cast<caf::abstract_actor*>(whom)->getf(
             caf::abstract_actor::is_terminated_flag);
}

} // namespace

std::shared_ptr<const currency_table> won() {
  static const auto table = std::make_shared<const currency_table>(
      std::vector<currency>{{*currency_code::parse("KRW"), 0}});
  return table;
}

life* world::alive(owner_id id) {
  if (id == nobody)
    return nullptr;
  auto& one = *lives_[static_cast<std::size_t>(id) - 1];
  return one.dead ? nullptr : &one;
}

config world::settings_of(const life& one) const {
  config result;
  result.node_name = one.name;
  if (!one.has_ledger)
    result.roles = {role::account};
  else if (one.has_account)
    result.roles = {role::ledger, role::account};
  else
    result.roles = {role::ledger};
  result.database_url = "simulated";
  result.fetchers = fetchers_;
  result.gates = gates_;
  result.max_in_flight = credit_;
  result.memory_max = memory_max;
  result.batch_max = 16;
  result.ledgers_max = 4;
  result.ledger_idle = milliseconds{2000};
  result.ack_wait = ack_wait;
  result.shutdown_deadline = milliseconds{1000};
  result.recovery_interval = milliseconds{2000};
  result.redrive_after = milliseconds{3000};
  result.rules.default_currency = currency_code::parse("KRW");
  return result;
}

void world::start(node& one) {
  auto made = std::make_unique<life>();
  made->id = static_cast<owner_id>(lives_.size()) + 1;
  made->node = static_cast<std::size_t>(&one - nodes_.data());
  made->name = one.name;
  made->has_ledger = one.has_ledger;
  made->has_account = one.has_account;
  made->began = machine_.now;
  one.now = made.get();
  ++one.starts;
  lives_.push_back(std::move(made));
  note("starts " + one.name + " as life " + std::to_string(one.now->id));
  machine_.start(one.now->id, [this, who = one.now] { start_up(*who); });
}

void world::start_up(life& one) {
  for (;;)
    try {
      if (!one.nats)
        connect(one);
      spawn_roles(one);
      one.running = true;
      note(one.name + " runs");
      return;
    } catch (const std::runtime_error& why) {
      note(one.name + " cannot start yet: " + why.what());
      machine_.sleep(milliseconds{500});
    }
}

void world::connect(life& one) {
  one.nats = broker::connect({.url = "nats://simulated", .client_name = one.name},
                             [](link_event, const std::string&) {});
}

void world::spawn_roles(life& one) {
  const auto settings = settings_of(one);
  const auto report = one.nats->provision(provisioning_of(settings));
  // What is deleted while it starts is a reason to start again.
  for (const auto& each : report.refused)
    if (!jetstream_.missing().empty())
      throw std::runtime_error{each};
    else
      fail(one.name + " refuses to start: " + each);
  const auto self = make_node_word(settings);
  const auto own = one.has_ledger && one.has_account ? make_own_questions() : nullptr;
  std::optional<ledger_root_options> ledger_parts;
  if (one.has_ledger) {
    ledger_parts = make_ledger_role(settings, *one.nats, self, won(), nullptr, own);
    ledger_parts->detach = false;
  }
  std::optional<submission_root_options> account_parts;
  std::shared_ptr<question_desk> desk;
  if (one.has_account) {
    account_parts = make_account_role(settings, *one.nats, self, won(), nullptr,
                                      std::make_shared<ledger_view>(), own);
    account_parts->detach = false;
    desk = one.nats->make_desk({std::string{names::api_submit}, std::string{names::api_record}});
  }
  one.watch = std::make_unique<topology_watch>(provisioning_of(settings), *one.nats,
                                               std::make_shared<topology_board>());
  // From here on nothing waits.
  one.system_config = std::make_unique<simulated_config>();
  one.system = std::make_unique<caf::actor_system>(*one.system_config);
  one.scheduler = &dynamic_cast<caf::scheduler::test_coordinator&>(one.system->scheduler());
  one.scheduler->clock().current_time = machine_.now;
  one.worker = std::make_unique<idle_worker>(*one.system, *one.scheduler);
  if (ledger_parts)
    one.ledger = one.system->spawn(guarded(ledger_root), *ledger_parts);
  if (!account_parts)
    return;
  one.account = one.system->spawn(guarded(submission_root), *account_parts);
  const auto rules = settings.rules;
  ask(
      *one.system, one.account, caf::infinite,
      [who = &one, desk, rules](const submission_handles& doors) {
        who->api = caf::actor_cast<caf::actor>(spawn_nats_api(
            *who->system, desk, make_account_service(*who->system, doors, won(), nullptr, rules)));
      },
      [] {}, handles_atom_v);
}

void world::kill(node& one) {
  auto& gone = *one.now;
  note("dies " + one.name);
  // Nothing of it ever runs again, and nobody frees what it had.
  gone.dead = true;
  machine_.halt(gone.id, true);
  network_.end(gone.id);
  database_.end(gone.id);
  machine_.forget(gone.id);
  one.now = nullptr;
}

void world::leave(node& one, milliseconds deadline) {
  auto& who = *one.now;
  if (!who.running)
    return kill(one);
  note("leaves " + one.name);
  who.leaving = true;
  if (who.api)
    caf::anon_send_exit(who.api, caf::exit_reason::user_shutdown);
  const auto drain = [&](const auto& root) {
    if (root)
      ask(
          *who.system, root, caf::infinite, [](const drain_summary&) {}, [] {}, drain_atom_v,
          std::int64_t{deadline.count()});
  };
  drain(who.account);
  drain(who.ledger);
  machine_.start(nobody, [this, &who, which = who.node] { await_end(who, which); });
}

void world::await_end(life& one, std::size_t which) {
  // The watchdog of the daemon's shutdown ends the process at last.
  const auto until = machine_.now + std::chrono::seconds{20};
  while (!one.dead && machine_.now < until && !(has_ended(one.ledger) && has_ended(one.account)))
    machine_.sleep(milliseconds{20});
  if (one.dead)
    return;
  if (healed_ && machine_.now >= until)
    fail(one.name + " does not end within 20 s though nothing is wrong");
  note("has left " + one.name);
  one.dead = true;
  machine_.halt(one.id, true);
  network_.end(one.id);
  database_.end(one.id);
  machine_.forget(one.id);
  if (nodes_[which].now == &one)
    nodes_[which].now = nullptr;
}

void world::freeze(life& one, bool on) {
  one.stopped = on;
  machine_.halt(one.id, on);
  one.steady = false;
  network_.note_trouble(one.id); // what it was sent meanwhile waits for it
  note((on ? "stops " : "goes on ") + one.name);
}

} // namespace ledgerd::sim
