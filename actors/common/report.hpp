// The report that every actor gives of itself: plain numbers and histograms, no atomics, no sends
// on the hot path. Which numbers those are stands in a table beside the actor; see numbers.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/common/histogram.hpp"
#include "domain/entry.hpp"

namespace ledgerd {

enum class metric_kind : std::uint8_t {
  counter,   // only grows
  gauge,     // goes up and down
  histogram, // durations
  sizes,     // sizes of batches
};

// What becomes of the values of several actors that belong to one series.
enum class merging : std::uint8_t { sum, greatest, least };

// Where the value of a series' label comes from.
enum class label_of : std::uint8_t {
  row,      // the row has it; without one there is no label
  kind,     // the actor's kind
  instance, // what stands before the `/` in the actor's instance
};

// Under which name a number is exported, or why it is not.
struct exposure {
  std::string_view name;    // empty: it is not exported
  std::string_view help;    // a sentence; without a name the reason
  std::string_view outcome; // value of the label that tells series of one name apart
  std::string_view label = "outcome";
  label_of labelled = label_of::row;
  merging merged = merging::sum;
  bool in_milliseconds = false; // a gauge that is exported in seconds

  constexpr bool is_exported() const { return !name.empty(); }

  // The series differ by another label than `outcome`.
  constexpr exposure by(std::string_view label_name, label_of from = label_of::row) const {
    auto result = *this;
    result.label = label_name;
    result.labelled = from;
    return result;
  }

  constexpr exposure merging_by(merging how) const {
    auto result = *this;
    result.merged = how;
    return result;
  }

  constexpr exposure as_seconds() const {
    auto result = *this;
    result.in_milliseconds = true;
    return result;
  }
};

constexpr exposure exported(std::string_view name, std::string_view help,
                            std::string_view outcome = {}) {
  return {name, help, outcome};
}

constexpr exposure not_exported(std::string_view why) {
  return {{}, why, {}};
}

// What a number is. Reports point to it, so it lives as long as the process.
struct metric_description {
  std::string_view name; // in /v1/actors; without unit for durations
  metric_kind kind = metric_kind::gauge;
  exposure shown;
};

// A gauge's value while nobody knows it: shown as null and not exported, for it is no 0.
inline constexpr auto not_known = std::numeric_limits<std::int64_t>::min();

struct reported_value {
  const metric_description* what;
  std::int64_t value;
};

struct reported_histogram {
  const metric_description* what;
  duration_histogram histogram;
};

struct reported_sizes {
  const metric_description* what;
  size_histogram histogram;
};

// How long something that ought to come has not come. Zero: there is progress, or nothing to wait
// for.
struct standstill {
  std::chrono::milliseconds since{0};
  std::string what; // such as "no PubAck"
  // Nothing else comes to a halt with it: it shows, and the node goes on and stays ready.
  bool aside = false;
  // Nothing else comes to a halt with it, but the node is not ready: what it takes care of stands.
  bool alone = false;
  // A server has said that it refuses this: a new process would meet the same.
  bool refused = false;
  // Only what has been sent on is not confirmed: more is taken, up to the bound of what is held.
  bool sending = false;
};

// An account that somebody should know of. Shown by name, never a metric's label.
struct noted_account {
  enum class why : std::uint8_t { hot, waiting };

  why what = why::hot;
  account_key account;
  std::uint64_t entries = 0;
  // Hot: the time in which they came. Waiting: for how long the first of them has.
  std::chrono::milliseconds time{0};
  std::string reason; // of waiting
};

// How many accounts are noted of each sort.
inline constexpr std::size_t accounts_noted = 10;

struct actor_report {
  std::string actor;    // fetcher, region, gate
  std::string instance; // for a fetcher its consumer and number, for a gate its number
  std::vector<reported_value> values;
  std::vector<reported_histogram> histograms;
  standstill wait{}; // see progress.hpp
  std::vector<reported_sizes> sizes{};
  std::vector<noted_account> accounts{};
  // False: it does not answer. What is known of it all the same was counted beside it; see
  // meter.hpp.
  bool answered = true;
};

// Stands for the report of one that does not answer in time.
inline actor_report silent_report(std::string actor, std::string instance = {}) {
  actor_report result;
  result.actor = std::move(actor);
  result.instance = std::move(instance);
  result.answered = false;
  return result;
}

} // namespace ledgerd
