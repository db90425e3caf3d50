// The numbers of a node's actors as tables for people, from the document of GET /v1/actors. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ledgerd {

using table_rows = std::vector<std::vector<std::string>>;

// What to compare with, for rates; means and percentiles are then of the time since.
struct earlier_numbers {
  const nlohmann::ordered_json* document = nullptr; // null: no rates, and all since the start
  double seconds = 0;                               // since then
};

// A document that somebody else wrote: whether it can be shown.
bool is_numbers(const nlohmann::ordered_json& document);

// Each of these precondition: `is_numbers`. What nobody knows is a dash; a table of one row has
// nothing but its heading.

enum class actor_order : std::uint8_t {
  by_kind,
  hottest_first, // those that do not answer, then those with most messages, lately if that is known
};

// One row for each actor: mailbox, messages, times. One that does not answer is said to.
table_rows actor_table(const nlohmann::ordered_json& document, const earlier_numbers& before,
                       actor_order order = actor_order::by_kind);

// The road of a request, stage by stage; then the sizes of batches.
table_rows stage_table(const nlohmann::ordered_json& document, const earlier_numbers& before);
table_rows batch_table(const nlohmann::ordered_json& document, const earlier_numbers& before);

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

} // namespace ledgerd
