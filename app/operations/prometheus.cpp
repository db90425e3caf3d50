#include "app/operations/prometheus.hpp"

#include <algorithm>
#include <limits>
#include <prometheus/text_serializer.h>

namespace ledgerd {

namespace {

constexpr double microseconds_per_second = 1e6;
constexpr double milliseconds_per_second = 1e3;

prometheus::MetricType type_of(metric_kind kind) {
  switch (kind) {
  case metric_kind::counter:
    return prometheus::MetricType::Counter;
  case metric_kind::histogram:
  case metric_kind::sizes:
    return prometheus::MetricType::Histogram;
  case metric_kind::gauge:
    break;
  }
  return prometheus::MetricType::Gauge;
}

// `unit` is how many of what is counted make one of what is exported.
template <class Histogram>
void fill_histogram(prometheus::ClientMetric::Histogram& to, const Histogram& from,
                    const auto& bounds, std::int64_t sum, double unit) {
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < from.buckets().size(); ++i) {
    cumulative += static_cast<std::uint64_t>(from.buckets()[i]);
    const bool last = i == bounds.size();
    to.bucket.push_back({cumulative, last ? std::numeric_limits<double>::infinity()
                                          : static_cast<double>(bounds[i]) / unit});
  }
  to.sample_count = cumulative;
  to.sample_sum = static_cast<double>(sum) / unit;
}

prometheus::ClientMetric convert(const metric& from) {
  prometheus::ClientMetric to;
  for (const auto& [name, value] : from.labels)
    to.label.push_back({name, value});
  const double unit = from.in_milliseconds ? milliseconds_per_second : 1;
  switch (from.kind) {
  case metric_kind::counter:
    to.counter.value = static_cast<double>(from.value) / unit;
    break;
  case metric_kind::gauge:
    to.gauge.value = static_cast<double>(from.value) / unit;
    break;
  case metric_kind::histogram:
    fill_histogram(to.histogram, from.durations, duration_histogram::bounds_us,
                   from.durations.sum_us(), microseconds_per_second);
    break;
  case metric_kind::sizes:
    fill_histogram(to.histogram, from.sizes, size_histogram::bounds, from.sizes.sum(), 1);
    break;
  }
  return to;
}

} // namespace

std::string to_prometheus(const metrics_snapshot& snapshot) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& series : snapshot) {
    if (series.value == not_known)
      continue;
    auto family = std::find_if(families.begin(), families.end(),
                               [&](const auto& f) { return f.name == series.name; });
    if (family == families.end()) {
      families.emplace_back();
      family = std::prev(families.end());
      family->name = series.name;
      family->help = series.help;
      family->type = type_of(series.kind);
    }
    family->metric.push_back(convert(series));
  }
  return prometheus::TextSerializer{}.Serialize(families);
}

} // namespace ledgerd
