#include <memory>

#include "app/base/output.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/http_client.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"

namespace ledgerd {

namespace {

// The least bucket bound, in microseconds, below which the share of all durations lies; `>` the
// last bound otherwise.
std::string quantile(const nlohmann::json& histogram, double share) {
  const auto count = histogram.at("count").get<std::int64_t>();
  const auto wanted = static_cast<double>(count) * share;
  std::int64_t seen = 0;
  std::int64_t bound = 0;
  for (const auto& bucket : histogram.at("buckets")) {
    seen += bucket.at(1).get<std::int64_t>();
    if (bucket.at(0).is_null())
      break;
    bound = bucket.at(0).get<std::int64_t>();
    if (static_cast<double>(seen) >= wanted)
      return "<= " + std::to_string(bound) + " us";
  }
  return "> " + std::to_string(bound) + " us";
}

void print_text(const nlohmann::json& answer) {
  std::vector<std::vector<std::string>> table{{"actor", "instance", "name", "value"}};
  for (const auto& item : answer.at("actors")) {
    const auto actor = item.at("actor").get<std::string>();
    const auto instance = item.at("instance").get<std::string>();
    if (item.at("values").empty() && item.at("histograms").empty())
      table.push_back({actor, instance, "-", "no answer"});
    for (const auto& [name, value] : item.at("values").items())
      table.push_back({actor, instance, name, value.dump()});
    for (const auto& [name, histogram] : item.at("histograms").items()) {
      table.push_back({actor, instance, name + " count", histogram.at("count").dump()});
      if (histogram.at("count") == 0)
        continue;
      table.push_back({actor, instance, name + " p50", quantile(histogram, 0.5)});
      table.push_back({actor, instance, name + " p99", quantile(histogram, 0.99)});
    }
  }
  print_table(table);
}

int run_metrics(const config& settings, bool json) {
  if (!settings.http_listen)
    throw usage_error{"http-listen is off, so there is no daemon to ask"};
  const auto answer = http_get(settings, "/v1/actors");
  const auto document = nlohmann::json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !document.is_object() || !document.contains("actors"))
    throw std::runtime_error{"the daemon answered with status " + std::to_string(answer.status)};
  if (json)
    print_json(nlohmann::ordered_json::parse(answer.body));
  else if (!document.at("actors").empty())
    print_text(document);
  if (document.at("actors").empty()) {
    complain("no actor of the daemon answers");
    return exit_code::answer_is_no;
  }
  return exit_code::done;
}

} // namespace

void add_metrics(command_line& line) {
  const auto json = std::make_shared<bool>(false);
  auto& app =
      line.add_verb({"metrics", "Ask the running daemon for the counters of its actors",
                     "ledgerd metrics --http-listen 127.0.0.1:8080"},
                    [json](const config& settings) { return run_metrics(settings, *json); });
  app.add_flag("--json", *json, "Print JSON");
}

} // namespace ledgerd
