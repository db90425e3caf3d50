#include "app/daemon/daemon.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/common/fail_stop.hpp"
#include "actors/common/log.hpp"
#include "actors/common/span.hpp"
#include "actors/ledger/audit_duty.hpp"
#include "app/base/service_manager.hpp"
#include "app/base/text.hpp"
#include "app/config/options.hpp"
#include "app/daemon/actor_world.hpp"
#include "app/daemon/audit_watch.hpp"
#include "app/daemon/certificate_watch.hpp"
#include "app/daemon/change_log.hpp"
#include "app/daemon/currency_watch.hpp"
#include "app/daemon/http_files.hpp"
#include "app/daemon/late_node.hpp"
#include "app/daemon/logging.hpp"
#include "app/daemon/page_sources.hpp"
#include "app/daemon/progress_watch.hpp"
#include "app/daemon/roles.hpp"
#include "app/daemon/service_notices.hpp"
#include "app/daemon/shutdown.hpp"
#include "app/daemon/start.hpp"
#include "app/daemon/start_signals.hpp"
#include "app/daemon/topology_watch.hpp"
#include "app/http/access.hpp"
#include "app/http/server.hpp"
#include "app/operations/change_board.hpp"
#include "app/operations/readiness.hpp"
#include "app/operations/server_numbers.hpp"
#include "app/operations/snapshot.hpp"
#include "app/operations/trace_routes.hpp"
#include "app/page/overview_hub.hpp"
#include "app/page/page_routes.hpp"
#include "app/repair/repair_routes.hpp"
#include "domain/exit_code.hpp"
#include "persistence/database_watch.hpp"

namespace ledgerd {

namespace {

// An exception that leaves a thread, or a failed assertion, is a bug like any other.
void end_on_bugs() {
  std::set_terminate([] {
    const auto thrown = std::current_exception();
    end_process("bug: " + (thrown ? text_of(thrown) : "terminated"));
  });
  std::signal(SIGABRT, [](int) { std::_Exit(exit_code::bug); });
}

// What SIGHUP reads again: the level of the log, the tokens and the certificate. What is faulty
// leaves things as they are.
void reload(const config& settings, http_files& files) {
  const auto again = load_config(settings.sources);
  for (const auto& fault : again.faults)
    log(log_event::reload_failed, {{"why", fault}}, "reload: {}; the log level stays", fault);
  std::string taken;
  if (again.faults.empty()) {
    set_log_level(again.value.log_level);
    taken = "log level " + again.value.log_level;
  }
  for (const auto& name : files.reload())
    taken += (taken.empty() ? "" : ", ") + name;
  if (again.faults.empty())
    log(log_event::config_reloaded, {{"logLevel", again.value.log_level}}, "reloaded: {}", taken);
  else if (!taken.empty())
    log(log_event::config_reloaded, "reloaded: {}", taken);
}

span_choice spans_of(const log_settings& settings) {
  switch (settings.spans) {
  case span_logging::off:
    return span_choice::off;
  case span_logging::sampled:
    return span_choice::sampled;
  case span_logging::all:
    break;
  }
  return span_choice::all;
}

// The actors' metrics into the log: a line for each actor, one for the accounts.
void dump(const http_routes& operations) {
  const auto write = [](const nlohmann::ordered_json& what) {
    const auto text = what.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    log(log_event::actor_dump, "dump: {}", one_line(text));
  };
  operations.actors([write](const std::vector<actor_report>& reports) {
    for (const auto& each : reports)
      write(actor_json(each));
    write(accounts_json(reports));
  });
}

// The daemon in the order of its parts: each may use those before it.
class running_daemon {
public:
  running_daemon(const config& settings, process_signals& signals)
      : settings_(settings), signals_(signals) {}

  void run() {
    open_listener();
    std::optional<start_signals> told{std::in_place, signals_, [this] { give_up_start(); }};
    const start_steps start{settings_, *told, health_,
                            std::chrono::steady_clock::now() + settings_.start_timeout};
    const auto claim = open_databases(start);
    const auto database = read_identity(start);
    const auto nats = open_broker(start, database);
    check_name(start, nats->make_ask_line(), database);
    auto facts = make_facts_source(settings_, *nats, view_);
    const auto currencies = open_currencies(start, facts);
    check_consumers(start, *nats, database);
    told->end();
    refuse_start_if_told(start);
    told.reset();
    {
      const topology_watch topology{provisioning_of(settings_, database), *nats, streams_};
      const auto looks = std::make_shared<currency_watch>(currencies, [&facts, &claim] {
        if (claim)
          keep_claim(*claim);
        return facts.read();
      });
      actor_world actors{settings_,
                         *nats,
                         {currencies, looks, view_, settings_.shadow ? 0 : database},
                         board_,
                         deadline_};
      const progress_watch watch{board_, health_};
      const currency_watch::stopped_at_end no_more_looks{*looks};
      const doors_closed_at_end closed{*this};
      const audit_watch own_audit{make_audited_ledger(settings_),
                                  *nats,
                                  audits_,
                                  audit_duty_since,
                                  {.interval = settings_.audit_interval}};
      watch_ = &watch;
      serve(actors, *nats);
      signals_.wait();
      stop(actors, *nats);
    }
    deadline_.doing("the connections close");
  }

private:
  // On the thread that hears the signals while the start goes on.
  void give_up_start() {
    deadline_.begin(settings_.shutdown_deadline);
    deadline_.doing("a step of the start");
    cancel_database_calls();
  }

  // However the serving ends.
  struct doors_closed_at_end {
    running_daemon& of;
    ~doors_closed_at_end() { of.close_doors(); }
  };

  // From here on no thread but this one speaks to the actors and the broker.
  void close_doors() {
    signals_.on_dump({});
    doors_->close("the node is shutting down");
    desk_->close();
    if (page_)
      page_->close("the node is shutting down");
    certificate_watch_.reset();
    files_->shown_by(nullptr);
    http_.reset();
    watch_ = nullptr;
    deadline_.doing("the last look at database and broker");
    health_.stop();
  }

  void open_listener() {
    keep_changes(changes_);
    files_.emplace(settings_);
    signals_.on_reload([this] { manager_.reload([this] { reload(settings_, *files_); }); });
    if (settings_.http_listen)
      listen();
    certificate_watch_.emplace(settings_, *files_, certificates_);
  }

  void listen() {
    http_routes health;
    health.readiness = [this](readiness_for what, auto answer) { answer(health_.latest(what)); };
    health.dead = [this]() -> std::optional<std::string> {
      const auto* watch = watch_.load();
      return watch != nullptr ? watch->dead() : std::nullopt;
    };
    page_ = std::make_shared<overview_hub>(
        make_overview_sources(settings_, doors_, health_, board_, streams_, changes_));
    auto routes = make_late_routes(doors_, std::move(health), settings_.has_role(role::account),
                                   desk_routes());
    for (auto more : {make_page_routes(), make_overview_routes(page_)})
      std::move(more.begin(), more.end(), std::back_inserter(routes));
    http_.emplace(settings_.http_listen->host, settings_.http_listen->port,
                  guard_routes(std::move(routes), files_->guard()), http_limits{},
                  files_->certificate());
    files_->shown_by(&*http_);
  }

  // Calls that wait for the broker or the database. They speak of, and move, what the nodes of this
  // service have published; a shadow has published nothing.
  std::vector<http_route> desk_routes() const {
    if (settings_.shadow)
      return {};
    auto routes = make_repair_routes(desk_);
    for (auto& each : make_trace_routes(desk_))
      routes.push_back(std::move(each));
    return routes;
  }

  void serve(actor_world& actors, broker& nats) {
    auto operations =
        with_servers(make_operations(actors.system(), actors.sources(), board_, streams_),
                     [this] { return health_.latest(); });
    operations =
        with_metrics(std::move(operations), [audits = audits_] { return audits->metrics(); });
    operations = with_metrics(std::move(operations),
                              [certificates = certificates_] { return certificates->metrics(); });
    operations = with_metrics(std::move(operations), log_numbers);
    if (settings_.has_role(role::account))
      operations = with_lost_records(std::move(operations), view_);
    signals_.on_dump([operations] { dump(operations); });
    actors.answer_numbers(operations.actors);
    desk_->open(actors.looks(), actors.changes());
    doors_->open(operations, actors.api());
    health_.started(make_watched_databases(settings_), nats);
    log(log_event::node_running, {{"roles", find_option("roles")->show(settings_)}},
        "{} is running with the roles {}: {} fetchers per consumer, {} gates", settings_.node_name,
        find_option("roles")->show(settings_), settings_.fetchers, settings_.gates);
  }

  void stop(actor_world& actors, broker& nats) {
    deadline_.begin(settings_.shutdown_deadline);
    manager_.stopping(settings_.shutdown_deadline);
    signals_.unblock();
    log(log_event::node_draining, {{"deadlineMs", settings_.shutdown_deadline.count()}},
        "told to stop: draining within {} ms", settings_.shutdown_deadline.count());
    health_.set_draining();
    streams_->close();
    nats.cancel_reading();
    desk_->close();
    actors.drain();
    close_doors();
    deadline_.doing("the actors end");
  }

  const config& settings_;
  process_signals& signals_;
  shutdown_deadline deadline_;
  const std::shared_ptr<progress_board> board_ = std::make_shared<progress_board>();
  const std::shared_ptr<topology_board> streams_ = std::make_shared<topology_board>();
  const std::shared_ptr<ledger_view> view_ = std::make_shared<ledger_view>();
  const std::shared_ptr<audit_board> audits_ = std::make_shared<audit_board>();
  readiness health_{board_, streams_};
  service_notifier manager_{service_manager::of_environment(), board_, health_};
  std::atomic<const progress_watch*> watch_{nullptr};
  const std::shared_ptr<late_node> doors_ = std::make_shared<late_node>();
  const std::shared_ptr<work_desk> desk_ = std::make_shared<work_desk>();
  const std::shared_ptr<change_board> changes_ = std::make_shared<change_board>();
  const std::shared_ptr<certificate_board> certificates_ = std::make_shared<certificate_board>();
  std::optional<http_files> files_;
  std::shared_ptr<overview_hub> page_; // null without HTTP
  std::optional<http_server> http_;
  std::optional<certificate_watch> certificate_watch_; // after what it uses
};

} // namespace

int run_daemon(const config& settings, process_signals& signals) {
  end_on_bugs();
  choose_spans(spans_of(settings));
  try {
    running_daemon{settings, signals}.run();
    log(log_event::node_stopped, "stopped");
    return exit_code::done;
  } catch (const stop_start& stop) {
    return stop.exit_code;
  } catch (const std::runtime_error& e) { // a port that is taken, a file that cannot be read
    log(log_event::start_refused, {{"why", one_line(e.what())}}, "cannot start: {}",
        one_line(e.what()));
    return exit_code::cannot_start;
  }
}

} // namespace ledgerd
