#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "app/audit/audit.hpp"
#include "app/audit/parted_pause.hpp"
#include "app/audit/steady_audit.hpp"
#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/problem.hpp"
#include "app/verbs/progress.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "persistence/openings.hpp"
#include "persistence/shadow_mark.hpp"

namespace ledgerd {

namespace {

struct verb_options {
  audit_options audit;
  std::string watch; // empty: not
};

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// A bar or lines for each part of the audit.
class part_progress {
public:
  ~part_progress() { finish(); }

  void update(std::string_view part, std::uint64_t done, std::uint64_t total) {
    if (part != part_) {
      finish();
      part_ = part;
      bar_.emplace("read of " + part_, total);
    }
    bar_->update(done_ = done);
  }

private:
  void finish() {
    if (bar_)
      bar_->finish(done_);
    bar_.reset();
  }

  std::string part_;
  std::optional<progress> bar_;
  std::uint64_t done_ = 0;
};

// What has been found since `told`.
nlohmann::ordered_json new_findings(const finding_list& findings, std::size_t& told) {
  auto items = nlohmann::ordered_json::array();
  const auto& listed = findings.listed();
  for (; told < listed.size(); ++told)
    items.push_back({{"kind", to_text(listed[told].kind)}, {"detail", listed[told].detail}});
  return items;
}

// A look that fails is made again, so that nothing is left out.
bool look(steady_audit& audit, look_watch& since, bool json) {
  try {
    audit.catch_up(since);
    return true;
  } catch (const std::runtime_error& error) {
    complain("%s; looking again", error.what());
    if (json)
      print_problem(problem_code(exit_code::cannot_start), error.what());
    return false;
  }
}

// A long pause does not pass for one in which nobody could look.
void pause(const steady_audit& audit, look_watch& since, std::chrono::milliseconds time) {
  const auto wait = [](std::chrono::milliseconds part) {
    std::this_thread::sleep_for(part);
    return true;
  };
  pause_in_parts(time, std::chrono::minutes{1}, wait, [&] { audit.can_look(since); });
}

// A line for each look, until somebody ends it, or nobody reads on. Whether nothing is off.
bool watch(ledger_reader& ledger, broker& nats, std::chrono::milliseconds interval, bool json) {
  steady_audit audit(ledger, nats);
  look_watch since;
  std::size_t told = 0;
  do {
    pause(audit, since, interval);
    if (!look(audit, since, json))
      continue;
    const auto& checks = audit.checks();
    std::uint64_t count = 0;
    for (const auto& [kind, times] : checks.findings().counts())
      count += times;
    const auto items = new_findings(checks.findings(), told);
    const auto at = format_time(now_us());
    if (json) {
      print_json_line({{"at", at},
                       {"rows", checks.row_count()},
                       {"results", checks.result_count()},
                       {"waiting", checks.waiting()},
                       {"findingCount", count},
                       {"findings", items}});
    } else {
      print_line("%s  %llu rows, %llu results, %llu findings", at.c_str(),
                 static_cast<unsigned long long>(checks.row_count()),
                 static_cast<unsigned long long>(checks.result_count()),
                 static_cast<unsigned long long>(count));
      for (const auto& each : items)
        print_line("%s: %s", each.at("kind").get<std::string>().c_str(),
                   each.at("detail").get<std::string>().c_str());
    }
  } while (!output_gone());
  return audit.checks().findings().empty();
}

int run_verb(const config& settings, verb_options options) {
  const auto interval = options.watch.empty() ? std::nullopt : parse_duration(options.watch);
  if (!options.watch.empty() && (!interval || interval->count() < 100))
    throw usage_error{"--watch must be a duration such as 500ms, 10s or 1m, from 100ms on"};
  options.audit.rules.requests = settings.rules;
  const auto ledger = open_ledger_to_read(settings);
  if (is_shadow_database(settings.database_url))
    throw usage_error{"the database is a shadow's: ask `ledgerd shadow report`"};
  options.audit.rules.own_account_database = settings.records_url() != settings.database_url;
  const auto nats = connect_broker(settings);
  if (interval)
    return watch(*ledger, *nats, *interval, options.audit.json) ? exit_code::done
                                                                : exit_code::answer_is_no;
  options.audit.rules.began_at = began_beside_another(settings.database_url);
  const auto records = make_postgres_record_reader(reading_connection(settings.records_url()));
  part_progress shown;
  options.audit.how.progress = [&](std::string_view part, std::uint64_t done, std::uint64_t total) {
    shown.update(part, done, total);
  };
  return audit(*ledger, *records, *nats, options.audit);
}

} // namespace

void add_audit(command_line& line) {
  const auto options = std::make_shared<verb_options>();
  auto& app =
      line.add_verb({"audit", "Prove that nothing was lost and nothing was applied twice",
                     "ledgerd audit --json"},
                    [options](const config& settings) { return run_verb(settings, *options); });
  app.add_flag("--live", options->audit.rules.live,
               "The daemon is at work: what is not settled yet is no fault");
  app.add_option("--cursor", options->audit.how.cursor,
                 "A folder that keeps where the audit is: the same command goes on there after an "
                 "interruption")
      ->type_name("FOLDER")
      ->check(not_empty);
  app.add_option(
         "--watch", options->watch,
         "Look at what is new, again and again with so much time between, until it is ended; "
         "the daemon does so by itself (--audit-interval)")
      ->expected(0, 1)
      ->default_str("10s")
      ->type_name("INTERVAL");
  app.add_flag("--json", options->audit.json, "Print JSON; with --watch a document a line");
}

} // namespace ledgerd
