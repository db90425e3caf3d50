// What of several tables fits on a terminal, as much of the most important as there is room for.
// Pure, but for `screen_of`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace ledgerd {

struct screen_size {
  std::size_t rows = 0;
  std::size_t columns = 0;
};

// Of the terminal behind a descriptor; nothing: it is none, or does not say.
std::optional<screen_size> screen_of(int descriptor);

// The first row is the heading. The columns that are named go first where the table is too wide.
struct screen_table {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> first_to_go{};
};

struct fitted_tables {
  std::vector<std::vector<std::vector<std::string>>> tables;
  std::size_t hidden = 0; // rows
};

// The most important table comes first, and a table's most important row. Each that is shown takes
// a line for its heading and an empty one; one without rows is not shown. Names that are too long
// are cut.
fitted_tables fit_tables(std::vector<screen_table> tables, const screen_size& room);

} // namespace ledgerd
