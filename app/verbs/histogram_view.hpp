// Histograms as they stand in the document of GET /v1/actors: differences of two looks, sums over
// actors, and shares. Pure; any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace ledgerd {

// A whole number of this name; nothing: there is none.
std::optional<std::int64_t> number_at(const nlohmann::ordered_json& object, std::string_view name);

// The value below which `share` of a histogram lies (app/operations/bucket_share.hpp), as text; `>`
// and the last bound where it lies above; a dash when there are none. `time`: of durations.
std::string quantile_text(const nlohmann::ordered_json& histogram, double share, bool time);

// A duration in the unit that tells enough: 50us, 2.5ms, 1.2s, 3m.
std::string short_time(std::int64_t microseconds);

// 2.5, 12
std::string rounded(double value);

// What has come since the earlier look; nothing: the two cannot be compared, since one lacks its
// buckets, has others, or it began anew.
std::optional<nlohmann::ordered_json> since_then(const nlohmann::ordered_json& now,
                                                 const nlohmann::ordered_json& then);

// Histograms of one name, added up over all actors.
struct added_histogram {
  std::int64_t count = 0;
  std::int64_t sum = 0;
  nlohmann::ordered_json buckets = nlohmann::ordered_json::array();

  void add(const nlohmann::ordered_json& one);
  nlohmann::ordered_json json() const { return {{"count", count}, {"buckets", buckets}}; }
  double mean() const { return static_cast<double>(sum) / static_cast<double>(count); }
};

} // namespace ledgerd
