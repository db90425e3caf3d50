#include "app/verbs/histogram_view.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "app/operations/bucket_share.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

// Durations have a sum in microseconds, sizes one without a unit.
const char* sum_name(const ordered_json& histogram) {
  return histogram.contains("sum_us") ? "sum_us" : "sum";
}

std::vector<counted_bucket> buckets_of(const ordered_json& histogram) {
  std::vector<counted_bucket> result;
  const auto found = histogram.find("buckets");
  if (found == histogram.end() || !found->is_array())
    return result;
  for (const auto& each : *found)
    result.push_back(
        {each[0].is_number_integer() ? std::optional{each[0].get<std::int64_t>()} : std::nullopt,
         each[1].get<std::int64_t>()});
  return result;
}

} // namespace

std::optional<std::int64_t> number_at(const ordered_json& object, std::string_view name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer()
             ? std::optional{found->get<std::int64_t>()}
             : std::nullopt;
}

std::string rounded(double value) {
  const auto tenths = std::llround(value * 10);
  return value >= 10 || tenths % 10 == 0
             ? std::to_string(std::llround(value))
             : std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

std::string short_time(std::int64_t microseconds) {
  const auto us = static_cast<double>(microseconds);
  if (us < 1e3)
    return std::to_string(microseconds) + "us";
  if (us < 1e6)
    return rounded(us / 1e3) + "ms";
  return us < 120e6 ? rounded(us / 1e6) + "s" : rounded(us / 60e6) + "m";
}

std::string quantile_text(const ordered_json& histogram, double share, bool time) {
  const auto buckets = buckets_of(histogram);
  const auto show = [time](std::int64_t value) {
    return time ? short_time(value) : std::to_string(value);
  };
  if (number_at(histogram, "count").value_or(0) == 0 || buckets.empty())
    return "-";
  if (const auto value = value_at_share(buckets, share))
    return show(*value);
  std::int64_t last = 0;
  for (const auto& each : buckets)
    last = each.bound.value_or(last);
  return ">" + show(last);
}

std::optional<ordered_json> since_then(const ordered_json& now, const ordered_json& then) {
  const auto after = buckets_of(now);
  const auto before = buckets_of(then);
  if (after.empty() || after.size() != before.size())
    return std::nullopt;
  auto result = now;
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i].bound != before[i].bound || after[i].count < before[i].count)
      return std::nullopt;
    result["buckets"][i][1] = after[i].count - before[i].count;
  }
  for (const auto* name : {"count", sum_name(now)})
    result[name] = std::max<std::int64_t>(0, number_at(now, name).value_or(0)
                                                 - number_at(then, name).value_or(0));
  return result;
}

void added_histogram::add(const ordered_json& one) {
  count += number_at(one, "count").value_or(0);
  sum += number_at(one, sum_name(one)).value_or(0);
  const auto found = one.find("buckets");
  if (found == one.end() || !found->is_array())
    return;
  if (buckets.empty()) {
    buckets = *found;
    return;
  }
  for (std::size_t i = 0; i < std::min(buckets.size(), found->size()); ++i)
    buckets[i][1] = buckets[i][1].get<std::int64_t>() + (*found)[i].at(1).get<std::int64_t>();
}

} // namespace ledgerd
