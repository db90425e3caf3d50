// The numbers of a node's actors as tables for people, from the document of GET /v1/actors. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ledgerd {

using table_rows = std::vector<std::vector<std::string>>;

// What to compare with, for rates.
struct earlier_numbers {
  const nlohmann::ordered_json* document = nullptr; // null: there are no rates
  double seconds = 0;                               // since then
};

// A document that somebody else wrote: whether it can be shown.
bool is_numbers(const nlohmann::ordered_json& document);

// Each of these precondition: `is_numbers`. What nobody knows is a dash; a table of one row has
// nothing but its heading.

// One row for each actor: mailbox, messages, times. One that does not answer is said to.
table_rows actor_table(const nlohmann::ordered_json& document, const earlier_numbers& before);

// The road of a request, stage by stage; then the sizes of batches.
table_rows stage_table(const nlohmann::ordered_json& document, const earlier_numbers& before);
table_rows batch_table(const nlohmann::ordered_json& document);

// What the actors of each kind count together. `left_out` is how many numbers are 0 and therefore
// not shown, unless `all` are.
struct number_table {
  table_rows rows;
  std::size_t left_out = 0;
};
number_table counts_table(const nlohmann::ordered_json& document, const earlier_numbers& before,
                          bool all);

table_rows hot_table(const nlohmann::ordered_json& document);
table_rows waiting_table(const nlohmann::ordered_json& document);

// A duration in the unit that tells enough: 50us, 2.5ms, 1.2s, 3m.
std::string short_time(std::int64_t microseconds);

// The least bucket bound below which the share of all values lies, with `>` before the last one
// where it lies above; a dash when there are none. `time`: of durations.
std::string quantile_text(const nlohmann::ordered_json& histogram, double share, bool time);

} // namespace ledgerd
