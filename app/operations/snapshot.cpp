#include "app/operations/snapshot.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "actors/common/ask.hpp"
#include "actors/common/meter.hpp"
#include "app/operations/process_numbers.hpp"
#include "app/operations/recovery_board.hpp"
#include "app/operations/refusal_numbers.hpp"
#include "persistence/database_watch.hpp"

namespace ledgerd {

namespace {

constexpr auto answer_limit = std::chrono::seconds{2};
// Somebody may be asking already.
constexpr auto cluster_limit = 3 * cluster_question::patience;

// Whether an actor of the kind has not answered: its report is there, and empty.
bool is_silent(const std::vector<actor_report>& reports, std::string_view actor) {
  return std::any_of(reports.begin(), reports.end(), [&](const actor_report& report) {
    return report.actor == actor
           && (!report.answered || (report.values.empty() && report.histograms.empty()));
  });
}

// The value of the label that tells series of one name apart; empty: there is none.
std::string_view label_value(const exposure& shown, const actor_report& from) {
  switch (shown.labelled) {
  case label_of::kind:
    return from.actor;
  case label_of::instance:
    return std::string_view{from.instance}.substr(0, from.instance.find('/'));
  case label_of::row:
    break;
  }
  return shown.outcome;
}

struct series {
  metric& value;
  bool fresh;
};

// The series to which a number belongs.
series series_of(const metric_description& what, const actor_report& from, metrics_snapshot& all) {
  const auto& shown = what.shown;
  metric wanted{std::string{shown.name}, std::string{shown.help}, what.kind, {}, 0, {}, {},
                shown.in_milliseconds};
  if (const auto label = label_value(shown, from); !label.empty())
    wanted.labels.emplace_back(shown.label, label);
  const auto found = std::find_if(all.begin(), all.end(), [&](const metric& each) {
    return each.name == wanted.name && each.labels == wanted.labels;
  });
  return found != all.end() ? series{*found, false}
                            : series{all.emplace_back(std::move(wanted)), true};
}

// What one of them knows is known.
void merge(const series& into, std::int64_t value, merging how) {
  auto& sum = into.value.value;
  if (into.fresh || sum == not_known)
    sum = value;
  else if (value == not_known)
    return;
  else if (how == merging::sum)
    sum += value;
  else
    sum = how == merging::greatest ? std::max(sum, value) : std::min(sum, value);
}

void add_report(const actor_report& report, bool silent, metrics_snapshot& to) {
  // What was counted about an actor from outside is known of a silent one, too.
  const auto skip = [silent](const metric_description& what) {
    return !what.shown.is_exported() || (silent && what.shown.labelled != label_of::kind);
  };
  for (const auto& [what, value] : report.values)
    if (!skip(*what))
      merge(series_of(*what, report, to), value, what->shown.merged);
  for (const auto& [what, histogram] : report.histograms)
    if (!skip(*what))
      series_of(*what, report, to).value.durations.add(histogram);
  for (const auto& [what, histogram] : report.sizes)
    if (!skip(*what))
      series_of(*what, report, to).value.sizes.add(histogram);
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

void ask_cluster(caf::actor_system& system, const cluster_asker_actor& whom,
                 const std::function<void(std::vector<node_view>)>& answer) {
  if (!whom)
    return answer({});
  ask(
      system, whom, cluster_limit, [answer](const cluster_answers& got) { answer(view_of(*got)); },
      [answer] { answer({}); }, report_atom_v);
}

// A series without a label.
metric one_series(const char* name, const char* help, metric_kind kind, std::int64_t value) {
  return {name, help, kind, {}, value, {}, {}, false};
}

metrics_snapshot commit_wait() {
  return {one_series("ledgerd_commit_wait_milliseconds",
                     "How long the oldest COMMIT has been waiting for the database.",
                     metric_kind::gauge, longest_commit_wait().count())};
}

metrics_snapshot recovery_failed() {
  return {one_series("ledgerd_recovery_failed",
                     "Consumers whose given-up requests cannot be looked for.", metric_kind::gauge,
                     static_cast<std::int64_t>(unrecovered_consumers()))};
}

} // namespace

http_routes make_operations(caf::actor_system& system, const operations_sources& from,
                            std::shared_ptr<const progress_board> board,
                            std::shared_ptr<const topology_board> streams) {
  // One side after the other, so that their reports are gathered without a lock.
  const auto ask_all = [&system, from](const report_callback& answer) {
    const auto with_runtime = [answer](reports all) {
      join_runtime(all, read_meters());
      answer(std::move(all));
    };
    ask_reports(system, from.ledger, [&system, from, with_runtime](reports all) {
      ask_reports(system, from.account,
                  [&system, from, all = std::move(all), with_runtime](reports more) mutable {
                    std::move(more.begin(), more.end(), std::back_inserter(all));
                    ask_one_more(system, from.nats_api, std::move(all), with_runtime);
                  });
    });
  };
  http_routes result;
  result.metrics = [ask_all, board = std::move(board), streams = std::move(streams)](
                       const std::function<void(metrics_snapshot)>& answer) {
    ask_all([answer, board, streams](const reports& all) {
      auto snapshot = to_snapshot(all);
      for (auto more :
           {to_snapshot(board->standing(std::chrono::steady_clock::now())), commit_wait(),
            to_snapshot(streams->counts()), to_snapshot(streams->fills()), recovery_failed(),
            refusal_numbers(), process_numbers()})
        std::move(more.begin(), more.end(), std::back_inserter(snapshot));
      answer(std::move(snapshot));
    });
  };
  result.actors = ask_all;
  result.identity = [self = from.self] { return self; };
  result.cluster = [&system, from](const std::function<void(std::vector<node_view>)>& answer) {
    ask_cluster(system, from.cluster, answer);
  };
  return result;
}

metrics_snapshot to_snapshot(const std::vector<standing_actor>& standing) {
  const auto longest =
      standing.empty() ? std::chrono::milliseconds{0} : standing.front().wait.since;
  return {one_series("ledgerd_stalled",
                     "Actors that have made no progress for longer than their bound.",
                     metric_kind::gauge, static_cast<std::int64_t>(standing.size())),
          one_series("ledgerd_standstill_seconds", "How long the longest of them has made none.",
                     metric_kind::gauge,
                     std::chrono::duration_cast<std::chrono::seconds>(longest).count())};
}

metrics_snapshot to_snapshot(const topology_counts& counts) {
  return {
      one_series("ledgerd_topology_made_again_total",
                 "Streams and consumers that had disappeared and were made again.",
                 metric_kind::counter, static_cast<std::int64_t>(counts.made_again)),
      one_series("ledgerd_topology_refused",
                 "Streams and consumers that are missing, and settings that lose or stop messages.",
                 metric_kind::gauge, static_cast<std::int64_t>(counts.refused)),
      one_series("ledgerd_requests_deleted_unread_total",
                 "Requests that the broker deleted before they were decided, at most.",
                 metric_kind::counter, static_cast<std::int64_t>(counts.deleted_unread))};
}

metrics_snapshot to_snapshot(const std::vector<stream_fill>& fills) {
  metrics_snapshot result;
  const auto add = [&](const char* name, const char* help, const std::string& stream, auto value) {
    result.push_back({name,
                      help,
                      metric_kind::gauge,
                      {{"stream", stream}},
                      static_cast<std::int64_t>(value),
                      {},
                      {},
                      false});
  };
  for (const auto& each : fills)
    add("ledgerd_stream_full_percent",
        "How full a stream is that refuses what is beyond its limits; 100: it takes nothing more, "
        "0: also without a limit.",
        each.stream, each.percent);
  for (const auto& each : fills)
    add("ledgerd_stream_messages", "Messages that a stream holds.", each.stream, each.messages);
  for (const auto& each : fills)
    add("ledgerd_stream_bytes", "Bytes that a stream holds, as the broker counts them.",
        each.stream, each.bytes);
  for (const auto& each : fills)
    add("ledgerd_stream_copies_missing",
        "Copies of a stream that have been away or behind for ten seconds; it takes messages while "
        "more than half of its copies are there.",
        each.stream, each.missing_copies);
  return result;
}

// Nothing of a kind of which not every actor has reported: a value that is not known is no zero,
// and a counter that falls because one of two is silent is a lie.
metrics_snapshot to_snapshot(const std::vector<actor_report>& reports) {
  metrics_snapshot result;
  for (const auto& report : reports)
    add_report(report, is_silent(reports, report.actor), result);
  // In one order, whoever has answered first.
  std::sort(result.begin(), result.end(), [](const metric& a, const metric& b) {
    return std::tie(a.name, a.labels) < std::tie(b.name, b.labels);
  });
  result.push_back({"ledgerd_build_info",
                    "Always 1.",
                    metric_kind::gauge,
                    {{"version", LEDGERD_VERSION}},
                    1,
                    {},
                    {},
                    false});
  return result;
}

} // namespace ledgerd
