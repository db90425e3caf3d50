#include "app/operations.hpp"

#include <caf/event_based_actor.hpp>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

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
    exported_value{"region", "ledgers", "ledgerd_ledgers", "Ledger actors in memory.",
                   metric_kind::gauge},
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
};

metric export_value(const exported_value& wanted, const std::vector<actor_report>& reports) {
  metric result{wanted.name, wanted.help, wanted.kind, {}, 0, {}};
  if (wanted.outcome != nullptr)
    result.labels.emplace_back("outcome", wanted.outcome);
  for (const auto& report : reports)
    for (const auto& each : report.values)
      if (report.actor == wanted.actor && each.name == wanted.value)
        result.value += each.value;
  return result;
}

metric export_histogram(const exported_histogram& wanted,
                        const std::vector<actor_report>& reports) {
  metric result{wanted.name, wanted.help, metric_kind::histogram, {}, 0, {}};
  auto& durations = result.durations;
  durations.bounds_us.assign(duration_histogram::bounds_us.begin(),
                             duration_histogram::bounds_us.end());
  durations.buckets.assign(durations.bounds_us.size() + 1, 0);
  for (const auto& report : reports)
    for (const auto& each : report.histograms) {
      if (report.actor != wanted.actor || each.name != wanted.histogram)
        continue;
      durations.sum_us += each.histogram.sum_us();
      for (std::size_t i = 0; i < durations.buckets.size(); ++i)
        durations.buckets[i] += each.histogram.buckets()[i];
    }
  return result;
}

// Asks the node in an actor of its own, which ends with the answer. The node is an argument, not a
// capture: CAF 0.17 dereferences a null pointer when an actor's function has no arguments.
template <class Callback>
void ask(caf::actor_system& system, const node_actor& root, Callback callback) {
  system.spawn(
      [callback](caf::event_based_actor* self, const node_actor& node) {
        self->request(node, answer_limit, report_atom_v)
            .then([callback](const std::vector<actor_report>& reports) { callback(reports); },
                  [callback](const caf::error&) { callback({}); });
      },
      root);
}

} // namespace

http_routes make_operations(caf::actor_system& system, const node_actor& root,
                            const readiness& health) {
  http_routes result;
  result.readiness = [&health](std::function<void(std::vector<readiness_check>)> answer) {
    answer(health.latest());
  };
  result.metrics = [&system, root](std::function<void(metrics_snapshot)> answer) {
    ask(system, root,
        [answer](const std::vector<actor_report>& reports) { answer(to_snapshot(reports)); });
  };
  result.actors = [&system, root](std::function<void(std::vector<actor_report>)> answer) {
    ask(system, root, answer);
  };
  return result;
}

metrics_snapshot to_snapshot(const std::vector<actor_report>& reports) {
  metrics_snapshot result;
  for (const auto& each : exported_values)
    result.push_back(export_value(each, reports));
  // Nodes do not forward to each other yet; the series is there so that dashboards need not change.
  result.push_back({"ledgerd_forwarded_entries_total",
                    "Entries sent to the node that owns them.",
                    metric_kind::counter,
                    {},
                    0,
                    {}});
  for (const auto& each : exported_histograms)
    result.push_back(export_histogram(each, reports));
  result.push_back({"ledgerd_build_info",
                    "Always 1.",
                    metric_kind::gauge,
                    {{"version", LEDGERD_VERSION}},
                    1,
                    {}});
  return result;
}

} // namespace ledgerd
