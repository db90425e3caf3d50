#include "app/operations/snapshot.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "actors/common/ask.hpp"
#include "persistence/database_watch.hpp"

namespace ledgerd {

namespace {

constexpr auto answer_limit = std::chrono::seconds{2};

// A value of the actors' reports and the name under which it is exported.
struct exported_value {
  std::string_view actor;
  std::string_view value;
  const char* name;
  const char* help;
  metric_kind kind;
  const char* outcome = nullptr; // the label of ledgerd_entries_total
};

constexpr const char* entries_help = "Entries by what became of them.";
constexpr const char* contrary_help = "Verdicts that say otherwise than their record, by where "
                                      "they were met: one of the two is false.";
constexpr const char* questions_help =
    "Questions over NATS to this role that were dropped unread, by the reason.";
constexpr const char* submissions_help = "Submissions by what was answered.";

constexpr std::array exported_values{
    exported_value{"fetcher", "applied_total", "ledgerd_entries_total", entries_help,
                   metric_kind::counter, "applied"},
    exported_value{"fetcher", "refused_total", "ledgerd_entries_total", entries_help,
                   metric_kind::counter, "refused"},
    exported_value{"fetcher", "duplicate_total", "ledgerd_entries_total", entries_help,
                   metric_kind::counter, "duplicate"},
    exported_value{"fetcher", "parked_total", "ledgerd_entries_total", entries_help,
                   metric_kind::counter, "parked"},
    exported_value{"fetcher", "redelivered_total", "ledgerd_redelivered_total",
                   "Deliveries that were not the first of their message.", metric_kind::counter},
    exported_value{"fetcher", "unconfirmed_total", "ledgerd_unconfirmed_total",
                   "Publications without a PubAck, published again.", metric_kind::counter},
    exported_value{"fetcher", "held", "ledgerd_in_flight",
                   "Deliveries held, from pull to settlement.", metric_kind::gauge},
    exported_value{"gate", "fence_rejections_total", "ledgerd_fence_rejections_total",
                   "Groups whose head was not the database's any more.", metric_kind::counter},
    exported_value{"gate", "in_doubt_total", "ledgerd_in_doubt_total",
                   "Commits whose outcome was not known.", metric_kind::counter},
    exported_value{"gate", "batches_total", "ledgerd_commits_total", "Committed batches.",
                   metric_kind::counter},
    exported_value{"gate", "rows_total", "ledgerd_rows_total", "Postings written.",
                   metric_kind::counter},
    exported_value{"gate", "circuit_open", "ledgerd_circuit_open", "Gates whose database is away.",
                   metric_kind::gauge},
    exported_value{"gate", "blocked_total", "ledgerd_blocked_total",
                   "Batches that a lock or the time for a statement stopped.",
                   metric_kind::counter},
    exported_value{"gate", "set_aside_total", "ledgerd_set_aside_total",
                   "Times an account was set aside.", metric_kind::counter},
    exported_value{"gate", "aside_accounts", "ledgerd_aside_accounts",
                   "Accounts that are set aside: locked, refused or slow.", metric_kind::gauge},
    exported_value{"gate", "aside_waiting", "ledgerd_aside_waiting",
                   "Entries at the gates of accounts that are set aside.", metric_kind::gauge},
    exported_value{"gate", "aside_oldest_ms", "ledgerd_aside_oldest_milliseconds",
                   "How long the longest of them waits, added up over the gates.",
                   metric_kind::gauge},
    exported_value{"fetcher", "let_go_total", "ledgerd_let_go_total",
                   "Deliveries left to their lease: an account that is set aside holds its share.",
                   metric_kind::counter},
    exported_value{"region", "ledgers", "ledgerd_ledgers", "Ledger actors in memory.",
                   metric_kind::gauge},
    exported_value{"intake", "accepted_total", "ledgerd_submissions_total", submissions_help,
                   metric_kind::counter, "accepted"},
    exported_value{"intake", "repeated_total", "ledgerd_submissions_total", submissions_help,
                   metric_kind::counter, "repeated"},
    exported_value{"intake", "conflict_total", "ledgerd_submissions_total", submissions_help,
                   metric_kind::counter, "conflict"},
    exported_value{"intake", "unavailable_total", "ledgerd_submissions_total", submissions_help,
                   metric_kind::counter, "unavailable"},
    exported_value{"intake", "held", "ledgerd_submissions_in_flight",
                   "Submissions held, from arrival to the PubAck of their request.",
                   metric_kind::gauge},
    exported_value{"reconciler", "settled_total", "ledgerd_records_settled_total",
                   "Records that got their verdict from the result stream.", metric_kind::counter},
    exported_value{"reconciler", "parked_total", "ledgerd_results_parked_total",
                   "Results that answer no record, or are none.", metric_kind::counter},
    exported_value{"reconciler", "contrary_total", "ledgerd_contrary_verdicts_total", contrary_help,
                   metric_kind::counter, "result"},
    exported_value{"redriver", "contrary_total", "ledgerd_contrary_verdicts_total", contrary_help,
                   metric_kind::counter, "ledger"},
    exported_value{"reconciler", "foreign_total", "ledgerd_foreign_results_total",
                   "Results and dead letters of requests that are not of the account side.",
                   metric_kind::counter},
    exported_value{"responder", "questions_expired_total", "ledgerd_ledger_questions_dropped_total",
                   questions_help, metric_kind::counter, "expired"},
    exported_value{"responder", "questions_overflow_total",
                   "ledgerd_ledger_questions_dropped_total", questions_help, metric_kind::counter,
                   "overflow"},
    exported_value{"responder", "questions_foreign_total", "ledgerd_ledger_questions_dropped_total",
                   questions_help, metric_kind::counter, "foreign_reply"},
    exported_value{"nats_api", "questions_expired_total", "ledgerd_account_questions_dropped_total",
                   questions_help, metric_kind::counter, "expired"},
    exported_value{"nats_api", "questions_overflow_total",
                   "ledgerd_account_questions_dropped_total", questions_help, metric_kind::counter,
                   "overflow"},
    exported_value{"nats_api", "questions_foreign_total", "ledgerd_account_questions_dropped_total",
                   questions_help, metric_kind::counter, "foreign_reply"},
    exported_value{"intake", "expired_total", "ledgerd_submissions_expired_total",
                   "Submissions that were refused because the database was too slow.",
                   metric_kind::counter},
    exported_value{"lookup", "refused_total", "ledgerd_lookups_refused_total",
                   "Questions for a record that were refused.", metric_kind::counter},
    exported_value{"redriver", "settled_total", "ledgerd_records_swept_total",
                   "Records that got their verdict from the ledger's own row.",
                   metric_kind::counter},
    exported_value{"redriver", "republished_total", "ledgerd_requests_republished_total",
                   "Requests published again for want of a verdict.", metric_kind::counter},
};

struct exported_histogram {
  std::string_view actor;
  std::string_view histogram;
  const char* name;
  const char* help;
};

constexpr std::array exported_histograms{
    exported_histogram{"gate", "commit", "ledgerd_commit_seconds",
                       "How long the store took for a batch."},
    exported_histogram{"fetcher", "end_to_end", "ledgerd_end_to_end_seconds",
                       "From the arrival of a delivery to its settlement."},
    exported_histogram{"intake", "verdict_wait", "ledgerd_verdict_wait_seconds",
                       "From a record to its verdict, of submissions that wait for it."},
};

// Whether an actor of the kind has not answered: its report is there, and empty.
bool is_silent(const std::vector<actor_report>& reports, std::string_view actor) {
  return std::any_of(reports.begin(), reports.end(), [&](const actor_report& report) {
    return report.actor == actor && report.values.empty() && report.histograms.empty();
  });
}

// Nothing when not every actor of the kind has reported it: a value that is not known is no zero,
// and a counter that falls because one of two is silent is a lie.
std::optional<metric> export_value(const exported_value& wanted,
                                   const std::vector<actor_report>& reports) {
  if (is_silent(reports, wanted.actor))
    return std::nullopt;
  bool reported = false;
  metric result{wanted.name, wanted.help, wanted.kind, {}, 0, {}};
  if (wanted.outcome != nullptr)
    result.labels.emplace_back("outcome", wanted.outcome);
  for (const auto& report : reports)
    for (const auto& each : report.values)
      if (report.actor == wanted.actor && each.name == wanted.value) {
        reported = true;
        result.value += each.value;
      }
  return reported ? std::optional{std::move(result)} : std::nullopt;
}

std::optional<metric> export_histogram(const exported_histogram& wanted,
                                       const std::vector<actor_report>& reports) {
  if (is_silent(reports, wanted.actor))
    return std::nullopt;
  bool reported = false;
  metric result{wanted.name, wanted.help, metric_kind::histogram, {}, 0, {}};
  auto& durations = result.durations;
  durations.bounds_us.assign(duration_histogram::bounds_us.begin(),
                             duration_histogram::bounds_us.end());
  durations.buckets.assign(durations.bounds_us.size() + 1, 0);
  for (const auto& report : reports)
    for (const auto& each : report.histograms) {
      if (report.actor != wanted.actor || each.name != wanted.histogram)
        continue;
      reported = true;
      durations.sum_us += each.histogram.sum_us();
      for (std::size_t i = 0; i < durations.buckets.size(); ++i)
        durations.buckets[i] += each.histogram.buckets()[i];
    }
  return reported ? std::optional{std::move(result)} : std::nullopt;
}

using reports = std::vector<actor_report>;
using report_callback = std::function<void(reports)>;

template <class Root>
void ask_reports(caf::actor_system& system, const Root& root, const report_callback& answer) {
  if (!root)
    return answer({});
  ask(
      system, root, answer_limit, [answer](const reports& got) { answer(got); },
      [answer] { answer({}); }, report_atom_v);
}

// Adds the report of one actor, when there is such an actor.
void ask_one_more(caf::actor_system& system, const responder_actor& whom, reports all,
                  const report_callback& answer) {
  if (!whom)
    return answer(std::move(all));
  const auto before = std::make_shared<reports>(std::move(all));
  ask(
      system, whom, answer_limit,
      [before, answer](const actor_report& got) {
        before->push_back(got);
        answer(std::move(*before));
      },
      [before, answer] { answer(std::move(*before)); }, report_atom_v);
}

metrics_snapshot commit_wait() {
  return {{"ledgerd_commit_wait_milliseconds",
           "How long the oldest COMMIT has been waiting for the database.",
           metric_kind::gauge,
           {},
           longest_commit_wait().count(),
           {}}};
}

} // namespace

http_routes make_operations(caf::actor_system& system, const ledger_root_actor& ledger,
                            const submission_root_actor& account, const responder_actor& nats_api,
                            std::shared_ptr<const progress_board> board,
                            std::shared_ptr<const topology_board> streams) {
  // One side after the other, so that their reports are gathered without a lock.
  const auto ask_both = [&system, ledger, account, nats_api](const report_callback& answer) {
    ask_reports(system, ledger, [&system, account, nats_api, answer](reports all) {
      ask_reports(system, account,
                  [&system, nats_api, all = std::move(all), answer](reports more) mutable {
                    std::move(more.begin(), more.end(), std::back_inserter(all));
                    ask_one_more(system, nats_api, std::move(all), answer);
                  });
    });
  };
  http_routes result;
  result.metrics = [ask_both, board, streams](const std::function<void(metrics_snapshot)>& answer) {
    ask_both([answer, board, streams](const reports& all) {
      auto snapshot = to_snapshot(all);
      auto more = to_snapshot(board->standing(std::chrono::steady_clock::now()));
      std::move(more.begin(), more.end(), std::back_inserter(snapshot));
      more = commit_wait();
      std::move(more.begin(), more.end(), std::back_inserter(snapshot));
      more = to_snapshot(streams->counts());
      std::move(more.begin(), more.end(), std::back_inserter(snapshot));
      answer(std::move(snapshot));
    });
  };
  result.actors = ask_both;
  return result;
}

metrics_snapshot to_snapshot(const std::vector<standing_actor>& standing) {
  const auto longest =
      standing.empty() ? std::chrono::milliseconds{0} : standing.front().wait.since;
  return {{"ledgerd_stalled",
           "Actors that have made no progress for longer than their bound.",
           metric_kind::gauge,
           {},
           static_cast<std::int64_t>(standing.size()),
           {}},
          {"ledgerd_standstill_seconds",
           "How long the longest of them has made none.",
           metric_kind::gauge,
           {},
           std::chrono::duration_cast<std::chrono::seconds>(longest).count(),
           {}}};
}

metrics_snapshot to_snapshot(const topology_counts& counts) {
  const auto one = [](const char* name, const char* help, metric_kind kind, std::uint64_t value) {
    return metric{name, help, kind, {}, static_cast<std::int64_t>(value), {}};
  };
  return {one("ledgerd_topology_made_again_total",
              "Streams and consumers that had disappeared and were made again.",
              metric_kind::counter, counts.made_again),
          one("ledgerd_topology_refused",
              "Streams and consumers that are missing, and settings that lose or stop messages.",
              metric_kind::gauge, counts.refused),
          one("ledgerd_requests_deleted_unread_total",
              "Requests that the broker deleted before they were decided, at most.",
              metric_kind::counter, counts.deleted_unread)};
}

metrics_snapshot to_snapshot(const std::vector<actor_report>& reports) {
  metrics_snapshot result;
  for (const auto& each : exported_values)
    if (auto value = export_value(each, reports))
      result.push_back(std::move(*value));
  // Nodes do not forward to each other yet; the series is there so that dashboards need not change.
  result.push_back({"ledgerd_forwarded_entries_total",
                    "Entries sent to the node that owns them.",
                    metric_kind::counter,
                    {},
                    0,
                    {}});
  for (const auto& each : exported_histograms)
    if (auto histogram = export_histogram(each, reports))
      result.push_back(std::move(*histogram));
  result.push_back({"ledgerd_build_info",
                    "Always 1.",
                    metric_kind::gauge,
                    {{"version", LEDGERD_VERSION}},
                    1,
                    {}});
  return result;
}

} // namespace ledgerd
