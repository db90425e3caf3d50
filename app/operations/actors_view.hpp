// The actors as they are shown: one document for GET /v1/actors, `ledgerd metrics` and the dump in
// the log, made of the same reports as /metrics. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "actors/common/report.hpp"

namespace ledgerd {

// Whose numbers these are.
struct node_identity {
  std::string name;
  std::string boot;
  std::string version;
  std::chrono::steady_clock::time_point began{};
};

// Puts what was counted about the actors beside what they report of themselves: into the report of
// the same kind and instance, or as a row of its own. An empty report becomes that of one that does
// not answer.
void join_runtime(std::vector<actor_report>& reports, std::vector<actor_report> runtime);

// {"actor", "instance", "answered", "values": {name: value or null}, "histograms": {name: {"count",
// "sum_us" or "sum", "buckets": [[bound or null, count]]}}}
nlohmann::ordered_json actor_json(const actor_report& report);

// {"hotAccounts": [{"userId", "currency", "entries", "seconds"}], "waitingAccounts": [{"userId",
// "currency", "entries", "oldestMs", "why"}]}, ten of each at most.
nlohmann::ordered_json accounts_json(const std::vector<actor_report>& reports);

// All of it: {"node", "boot", "version", "at", "uptimeMs", "actors": [...], "hotAccounts": [...],
// "waitingAccounts": [...]}. `now_us` is since 1970.
nlohmann::ordered_json actors_document(const node_identity& self,
                                       const std::vector<actor_report>& reports,
                                       std::int64_t now_us);

// The document in at most so many bytes: where it has more, first the buckets of the histograms are
// left out, then the actors' numbers, and `shortened` says so.
std::string actors_text(nlohmann::ordered_json document, std::size_t bytes_max);

} // namespace ledgerd
