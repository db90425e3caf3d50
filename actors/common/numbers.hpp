// The numbers of an actor and their table. Report, dump and /metrics all walk the same rows, so
// what a number is called stands in one place: `KIND_counters.hpp` beside the actor. A number
// without a row, or a row that neither says how it is exported nor why it is not, does not compile.
//
// `KIND_numbers` is made of `KIND_counters`, which the actor's state keeps and which only grow, and
// of `KIND_gauges`, how things stand when the report is made. Its static `table()` returns an array
// of `number_row<KIND_numbers>`.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "actors/common/report.hpp"

namespace ledgerd {

// How something stands at the moment of a report; `not_known` when nobody knows. Has no value of
// its own accord, so none can be forgotten.
class gauge {
public:
  constexpr gauge(std::integral auto now) : now_(static_cast<std::int64_t>(now)) {} // NOLINT

  constexpr std::int64_t value() const { return now_; }

private:
  std::int64_t now_;
};

// One number: the member that has it says of what kind it is.
template <class Numbers>
class number_row {
public:
  constexpr number_row(std::int64_t Numbers::*member, std::string_view name, exposure shown)
      : counter_(member), about_{name, metric_kind::counter, shown} {}
  constexpr number_row(gauge Numbers::*member, std::string_view name, exposure shown)
      : gauge_(member), about_{name, metric_kind::gauge, shown} {}
  constexpr number_row(duration_histogram Numbers::*member, std::string_view name, exposure shown)
      : durations_(member), about_{name, metric_kind::histogram, shown} {}
  constexpr number_row(size_histogram Numbers::*member, std::string_view name, exposure shown)
      : sizes_(member), about_{name, metric_kind::sizes, shown} {}

  constexpr const metric_description& about() const { return about_; }

  void add_to(actor_report& report, const Numbers& from) const {
    // What is smaller holds none; GCC 12 warns of the pointer that is null then.
    if constexpr (sizeof(Numbers) >= sizeof(duration_histogram))
      if (durations_ != nullptr)
        return report.histograms.push_back({&about_, from.*durations_});
    if constexpr (sizeof(Numbers) >= sizeof(size_histogram))
      if (sizes_ != nullptr)
        return report.sizes.push_back({&about_, from.*sizes_});
    report.values.push_back({&about_, gauge_ != nullptr ? (from.*gauge_).value() : from.*counter_});
  }

  constexpr bool is_of_same_member(const number_row& other) const {
    return counter_ == other.counter_ && gauge_ == other.gauge_ && durations_ == other.durations_
           && sizes_ == other.sizes_;
  }

  constexpr std::size_t size() const {
    return durations_ != nullptr ? sizeof(duration_histogram)
           : sizes_ != nullptr   ? sizeof(size_histogram)
                                 : sizeof(std::int64_t);
  }

private:
  std::int64_t Numbers::*counter_ = nullptr;
  gauge Numbers::*gauge_ = nullptr;
  duration_histogram Numbers::*durations_ = nullptr;
  size_histogram Numbers::*sizes_ = nullptr;
  metric_description about_;
};

// Whether no two rows of a table are alike in the way of `alike`.
constexpr bool all_differ(const auto& rows, auto alike) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (alike(rows[i], rows[j]))
        return false;
  return true;
}

template <class Numbers>
constexpr bool each_member_has_a_row(const auto& rows) {
  std::size_t size = 0;
  for (const auto& row : rows)
    size += row.size();
  return size == sizeof(Numbers)
         && all_differ(rows, [](const auto& a, const auto& b) { return a.is_of_same_member(b); });
}

constexpr bool names_differ(const auto& rows) {
  return all_differ(rows, [](const auto& a, const auto& b) {
    const auto &one = a.about(), &other = b.about();
    return one.name == other.name
           || (one.shown.is_exported() && one.shown.name == other.shown.name
               && one.shown.outcome == other.shown.outcome);
  });
}

constexpr bool each_is_exported_or_says_why(const auto& rows) {
  for (const auto& row : rows)
    if (row.about().shown.help.empty())
      return false;
  return true;
}

// By the rules of Prometheus. CAF's own names are for what an actor's runtime counts.
constexpr bool names_tell_the_kind(const auto& rows) {
  for (const auto& row : rows) {
    const auto& [name, kind, shown] = row.about();
    const bool grows = kind == metric_kind::counter;
    const bool lasts = kind == metric_kind::histogram || shown.in_milliseconds;
    const bool ours = shown.name.starts_with("ledgerd_") || shown.name.starts_with("caf_");
    if (name.empty() || name.ends_with("_total") != grows)
      return false;
    if (shown.in_milliseconds && (kind != metric_kind::gauge || !name.ends_with("_ms")))
      return false;
    if (shown.is_exported()
        && (!ours || shown.name.ends_with("_total") != grows
            || shown.name.ends_with("_seconds") != lasts))
      return false;
  }
  return true;
}

template <class Numbers>
inline constexpr auto table_of = Numbers::table();

// Adds numbers to a report that has others.
template <class Numbers>
void add_numbers(actor_report& report, const Numbers& numbers) {
  constexpr const auto& rows = table_of<Numbers>;
  static_assert(each_member_has_a_row<Numbers>(rows), "a number without a row, or with two");
  static_assert(names_differ(rows), "two numbers have one name");
  static_assert(each_is_exported_or_says_why(rows), "neither exported nor said why not");
  static_assert(names_tell_the_kind(rows), "counters end in _total, durations in _seconds");
  report.values.reserve(report.values.size() + rows.size());
  for (const auto& row : rows)
    row.add_to(report, numbers);
}

template <class Numbers>
actor_report make_report(std::string actor, std::string instance, const Numbers& numbers,
                         standstill wait = {}) {
  actor_report report{std::move(actor), std::move(instance), {}, {}, std::move(wait)};
  add_numbers(report, numbers);
  return report;
}

} // namespace ledgerd
