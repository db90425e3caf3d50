#include "app/operations/actors_view.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>

#include "actors/ledger/noted_accounts.hpp"
#include "app/base/text.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

bool is_empty(const actor_report& report) {
  return report.values.empty() && report.histograms.empty() && report.sizes.empty();
}

template <class T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

template <class Histogram>
ordered_json buckets_json(const Histogram& histogram, const auto& bounds) {
  auto buckets = ordered_json::array();
  for (std::size_t i = 0; i < histogram.buckets().size(); ++i)
    buckets.push_back(
        {i == bounds.size() ? ordered_json{} : ordered_json(bounds[i]), histogram.buckets()[i]});
  return buckets;
}

ordered_json account_json(const noted_account& from) {
  ordered_json result{{"userId", from.account.user_id},
                      {"currency", from.account.currency.text()},
                      {"entries", from.entries}};
  if (from.what == noted_account::why::hot) {
    result["seconds"] = static_cast<double>(from.time.count()) / 1000;
  } else {
    result["oldestMs"] = from.time.count();
    result["why"] = from.reason;
  }
  return result;
}

std::string dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

} // namespace

void join_runtime(std::vector<actor_report>& reports, std::vector<actor_report> runtime) {
  for (auto each = reports.begin(); each != reports.end();) {
    each->answered = each->answered && !is_empty(*each);
    // Who is silent may be so for two who asked.
    const bool again = !each->answered && std::any_of(reports.begin(), each, [&](const auto& one) {
      return one.actor == each->actor && one.instance == each->instance;
    });
    each = again ? reports.erase(each) : std::next(each);
  }
  for (auto& counted : runtime) {
    const auto found = std::find_if(reports.begin(), reports.end(), [&](const actor_report& each) {
      return each.actor == counted.actor && each.instance == counted.instance;
    });
    if (found == reports.end()) {
      reports.push_back(std::move(counted));
      continue;
    }
    append(found->values, std::move(counted.values));
    append(found->histograms, std::move(counted.histograms));
  }
}

ordered_json actor_json(const actor_report& report) {
  auto values = ordered_json::object();
  for (const auto& [what, value] : report.values)
    values[std::string{what->name}] = value == not_known ? ordered_json{} : ordered_json(value);
  auto histograms = ordered_json::object();
  for (const auto& [what, histogram] : report.histograms)
    histograms[std::string{what->name}] = {
        {"count", histogram.count()},
        {"sum_us", histogram.sum_us()},
        {"buckets", buckets_json(histogram, duration_histogram::bounds_us)}};
  for (const auto& [what, histogram] : report.sizes)
    histograms[std::string{what->name}] = {
        {"count", histogram.count()},
        {"sum", histogram.sum()},
        {"buckets", buckets_json(histogram, size_histogram::bounds)}};
  return {{"actor", report.actor},
          {"instance", report.instance},
          {"answered", report.answered && !is_empty(report)},
          {"values", std::move(values)},
          {"histograms", std::move(histograms)}};
}

ordered_json accounts_json(const std::vector<actor_report>& reports) {
  std::vector<noted_account> all;
  for (const auto& each : reports)
    all.insert(all.end(), each.accounts.begin(), each.accounts.end());
  ordered_json result{{"hotAccounts", ordered_json::array()},
                      {"waitingAccounts", ordered_json::array()}};
  for (const auto& each : most_noted(std::move(all)))
    result[each.what == noted_account::why::hot ? "hotAccounts" : "waitingAccounts"].push_back(
        account_json(each));
  return result;
}

ordered_json actors_document(const node_identity& self, const std::vector<actor_report>& reports,
                             std::int64_t now_us) {
  const auto uptime = std::chrono::steady_clock::now() - self.began;
  auto items = ordered_json::array();
  for (const auto& each : reports)
    items.push_back(actor_json(each));
  ordered_json result{
      {"node", self.name},
      {"boot", self.boot},
      {"version", self.version},
      {"at", format_time(now_us)},
      {"uptimeMs", std::chrono::duration_cast<std::chrono::milliseconds>(uptime).count()},
      {"actors", std::move(items)}};
  result.update(accounts_json(reports));
  return result;
}

std::string actors_text(ordered_json document, std::size_t bytes_max) {
  auto text = dump(document);
  if (text.size() <= bytes_max)
    return text;
  document["shortened"] = true;
  for (auto& each : document["actors"])
    for (auto& histogram : each["histograms"])
      histogram.erase("buckets");
  text = dump(document);
  if (text.size() <= bytes_max)
    return text;
  document["actors"] = ordered_json::array();
  return dump(document);
}

} // namespace ledgerd
