#include "app/verbs/screen.hpp"

#include <algorithm>
#include <sys/ioctl.h>

#include "app/base/text.hpp"

namespace ledgerd {

namespace {

using table_rows = std::vector<std::vector<std::string>>;

constexpr std::size_t lines_beside = 2;    // of a table: its heading, and the empty line
constexpr std::size_t lines_least = 7;     // what a table is worth beginning with
constexpr std::size_t between_columns = 2; // as `format_table` lays it out
constexpr std::size_t column_least = 8;

// In characters.
std::size_t width_of(const table_rows& rows, std::size_t column) {
  std::size_t result = 0;
  for (const auto& row : rows) {
    const auto& cell = row[column];
    const auto length = std::count_if(cell.begin(), cell.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    });
    result = std::max(result, static_cast<std::size_t>(length));
  }
  return result;
}

std::vector<std::size_t> widths_of(const table_rows& rows) {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < rows.front().size(); ++i)
    result.push_back(width_of(rows, i));
  return result;
}

std::size_t sum_of(const std::vector<std::size_t>& widths) {
  std::size_t sum = 0;
  for (const auto each : widths)
    sum += each + between_columns;
  return sum - between_columns;
}

void leave_out(table_rows& rows, const std::string& column) {
  const auto& heading = rows.front();
  const auto found = std::find(heading.begin(), heading.end(), column);
  if (found == heading.end())
    return;
  const auto place = found - heading.begin();
  for (auto& row : rows)
    row.erase(row.begin() + place);
}

// Cuts the widest column, and the next, until all fits or nothing more can be cut.
void narrow(screen_table& table, std::size_t columns) {
  auto& rows = table.rows;
  for (const auto& each : table.first_to_go)
    if (sum_of(widths_of(rows)) > columns)
      leave_out(rows, each);
  auto widths = widths_of(rows);
  for (auto sum = sum_of(widths); sum > columns; sum = sum_of(widths)) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= column_least)
      return;
    const auto wanted = *widest - std::min(sum - columns, *widest - column_least);
    for (auto& row : rows) {
      auto& cell = row[static_cast<std::size_t>(widest - widths.begin())];
      if (cell.size() > wanted)
        cell = shorten(cell, wanted - 3); // and "..."
    }
    *widest = wanted;
  }
}

} // namespace

std::optional<screen_size> screen_of(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
    return std::nullopt;
  return screen_size{size.ws_row, size.ws_col};
}

fitted_tables fit_tables(std::vector<screen_table> tables, const screen_size& room) {
  std::erase_if(tables, [](const screen_table& each) { return each.rows.size() < 2; });
  const auto begun = std::min(tables.size(), std::max<std::size_t>(1, room.rows / lines_least));
  fitted_tables result;
  for (auto i = begun; i < tables.size(); ++i)
    result.hidden += tables[i].rows.size() - 1;
  tables.resize(begun);
  // A row for each of them in turn, so that none takes the room of another one that has more.
  std::vector<std::size_t> shown(begun, 1);
  auto left = room.rows - std::min(room.rows, begun * lines_beside);
  for (bool more = true; more && left > 0;) {
    more = false;
    for (std::size_t i = 0; i < begun && left > 0; ++i)
      if (shown[i] < tables[i].rows.size()) {
        ++shown[i];
        --left;
        more = true;
      }
  }
  for (std::size_t i = 0; i < begun; ++i) {
    result.hidden += tables[i].rows.size() - shown[i];
    tables[i].rows.resize(shown[i]);
    narrow(tables[i], room.columns);
    result.tables.push_back(std::move(tables[i].rows));
  }
  return result;
}

} // namespace ledgerd
