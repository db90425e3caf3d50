#include "app/daemon/actor_world.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "actors/common/fail_stop.hpp"
#include "actors/common/log.hpp"
#include "app/api/nats_routes.hpp"
#include "app/api/submission_service.hpp"
#include "app/daemon/roles.hpp"
#include "messaging/link_codec.hpp"
#include "messaging/names.hpp"
#include "persistence/database_watch.hpp"

namespace ledgerd {

namespace {

constexpr auto doors_limit = std::chrono::seconds{10};
constexpr std::size_t answer_frame_bytes = 4096; // subject and headers

submission_handles ask_doors(caf::actor_system& system, const submission_root_actor& root) {
  submission_handles result;
  caf::scoped_actor self{system};
  self->request(root, doors_limit, handles_atom_v)
      .receive([&](const submission_handles& doors) { result = doors; },
               [&](const caf::error& reason) {
                 throw std::runtime_error("the account side did not start: "
                                          + system.render(reason));
               });
  return result;
}

// Asks a root, if there is one, to drain. The result waits for the answer.
template <class Root>
std::function<void()> begin_drain(caf::scoped_actor& self, const Root& root,
                                  std::chrono::milliseconds limit, drain_summary& all) {
  if (!root)
    return [] {};
  // No timeout: the shutdown's own deadline cuts it off.
  auto asked = std::make_shared<decltype(self->request(root, caf::infinite, drain_atom_v,
                                                       std::int64_t{limit.count()}))>(
      self->request(root, caf::infinite, drain_atom_v, std::int64_t{limit.count()}));
  return [asked, &self, &all] {
    asked->receive(
        [&](const drain_summary& done) {
          all.settled += done.settled;
          all.handed_back += done.handed_back;
        },
        [&](const caf::error& reason) {
          log(log_event::drain_failed, "drain failed: {}", self->system().render(reason));
        });
  };
}

} // namespace

actors_config::actors_config(int threads) {
  add_message_types<caf::id_block::ledgerd>();
  set("scheduler.max-threads", static_cast<std::size_t>(threads));
  set("scheduler.max-throughput", std::size_t{300});
  // By default an idle worker polls every 50 us for 25 ms, which costs a third of a processor
  // when nothing happens. Here it soon waits to be woken; what it misses by that is only work to
  // steal, for which it looks now and then.
  set("work-stealing.aggressive-poll-attempts", std::size_t{20});
  set("work-stealing.moderate-poll-attempts", std::size_t{0});
  set("work-stealing.relaxed-sleep-duration", caf::timespan{std::chrono::milliseconds{5}});
}

actor_world::actor_world(const config& settings, broker& nats, const ledger_knowledge& known,
                         const std::shared_ptr<progress_board>& board, shutdown_deadline& deadline)
    : settings_(settings), deadline_(deadline), system_config_(settings.scheduler_threads),
      system_(system_config_) {
  // What may fail comes before the first actor.
  std::optional<ledger_root_options> ledger_parts;
  std::optional<submission_root_options> account_parts;
  std::shared_ptr<question_desk> desk;
  const auto self = make_node_word(settings, known.database);
  log(log_event::node_starting, {{"boot", to_text(self.boot)}, {"version", self.version}},
      "node {} ({})", self.name, to_text(self.boot));
  self_ = {self.name, to_text(self.boot), self.version, std::chrono::steady_clock::now()};
  const auto own = own_questions_of(settings);
  if (settings.has_role(role::ledger)) {
    ledger_parts = make_ledger_role(settings, nats, self, known.currencies, known.lookup, own);
    ledger_parts->board = board;
  }
  if (settings.has_role(role::account)) {
    account_parts =
        make_account_role(settings, nats, self, known.currencies, known.lookup, known.view, own);
    account_parts->board = board;
    desk = nats.make_desk({std::string{names::api_submit}, std::string{names::api_record}});
  }
  numbers_ = std::make_shared<numbers_desk>(
      self_, std::max(std::min(nats.message_bytes_max(), link_bytes_max), 2 * answer_frame_bytes)
                 - answer_frame_bytes);
  if (ledger_parts && ledger_parts->cluster) // a shadow is none of the nodes
    ledger_parts->cluster->other_questions = numbers_question_of(ledger_parts->cluster->asks);
  else if (account_parts && account_parts->membership)
    account_parts->membership->other_questions =
        numbers_question_of(account_parts->membership->desk);
  try {
    cluster_ = system_.spawn<caf::detached>(guarded(cluster_asker), nats.make_ask_line());
    name_actor(cluster_, "cluster_asker");
    for (auto* desk_of : {&looks_, &changes_})
      *desk_of = system_.spawn<caf::detached>(guarded(work_desk_actor),
                                              make_desk_tools(settings, nats, known.currencies));
    name_actor(looks_, "desk", "look");
    name_actor(changes_, "desk", "change");
    if (ledger_parts)
      ledger_ = system_.spawn(guarded(ledger_root), *std::move(ledger_parts));
    if (account_parts) {
      account_ = system_.spawn(guarded(submission_root), *std::move(account_parts));
      api_ = make_account_service(system_, ask_doors(system_, account_), known.currencies,
                                  known.lookup, settings.rules);
      nats_api_ = spawn_nats_api(system_, std::move(desk), api_);
      name_actor(nats_api_, "nats_api");
    }
  } catch (...) {
    drain();
    throw;
  }
}

// What the membership does with a question for numbers.
std::function<bool(const api_question&)>
actor_world::numbers_question_of(std::shared_ptr<question_desk> desk) const {
  return [numbers = numbers_, desk = std::move(desk)](const api_question& asked) {
    return numbers->take(asked, desk);
  };
}

void actor_world::answer_numbers(numbers_desk::report_source actors) {
  numbers_->open(std::move(actors));
}

actor_world::~actor_world() {
  if (!drained_)
    drain();
}

void actor_world::drain() {
  drained_ = true;
  if (numbers_)
    numbers_->close();
  deadline_.begin(settings_.shutdown_deadline);
  deadline_.doing("the actors finish what they hold");
  const auto began = shutdown_deadline::clock::now();
  const auto limit = deadline_.left_for_draining();
  caf::scoped_actor self{system_};
  for (const auto& each :
       {caf::actor_cast<caf::actor>(nats_api_), caf::actor_cast<caf::actor>(cluster_),
        caf::actor_cast<caf::actor>(looks_), caf::actor_cast<caf::actor>(changes_)})
    if (each)
      self->send_exit(each, caf::exit_reason::user_shutdown);
  drain_summary all;
  const auto account_drained = begin_drain(self, account_, limit, all);
  const auto ledger_drained = begin_drain(self, ledger_, limit, all);
  account_drained();
  ledger_drained();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      shutdown_deadline::clock::now() - began);
  log(log_event::node_drained,
      {{"ms", took.count()}, {"settled", all.settled}, {"handedBack", all.handed_back}},
      "drained in {} ms: {} settled, {} handed back", took.count(), all.settled, all.handed_back);
  // Whoever still waits for the database waits in vain: what he holds is handed back.
  cancel_database_calls();
  deadline_.doing("the actors end");
}

} // namespace ledgerd
