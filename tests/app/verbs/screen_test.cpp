#include "app/verbs/screen.hpp"

#include "app/base/text.hpp"

#define CAF_SUITE screen
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

using table = std::vector<std::vector<std::string>>;

// With so many rows beneath its heading.
screen_table of(const std::string& name, std::size_t rows) {
  screen_table result{{{name, "count"}}};
  for (std::size_t i = 1; i <= rows; ++i)
    result.rows.push_back({name + std::to_string(i), "7"});
  return result;
}

// How many rows of which table are shown.
std::string shown(const fitted_tables& fitted) {
  std::string result;
  for (const auto& each : fitted.tables)
    result += each.front().front() + " " + std::to_string(each.size() - 1) + ", ";
  return result + "hidden " + std::to_string(fitted.hidden);
}

std::size_t lines_of(const fitted_tables& fitted) {
  std::size_t lines = 0;
  for (const auto& each : fitted.tables)
    lines += each.size() + 1;
  return lines;
}

std::size_t width_of(const table& rows) {
  std::size_t result = 0;
  const auto text = format_table(rows);
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    result = std::max(result, end - begin);
    begin = end + 1;
  }
  return result;
}

} // namespace

CAF_TEST(what fits is shown whole) {
  CAF_CHECK_EQUAL(shown(fit_tables({of("a", 3), of("b", 2)}, {50, 80})), "a 3, b 2, hidden 0");
  CAF_CHECK_EQUAL(shown(fit_tables({of("a", 0), of("b", 2)}, {50, 80})), "b 2, hidden 0");
  CAF_CHECK_EQUAL(shown(fit_tables({}, {50, 80})), "hidden 0");
}

CAF_TEST(a small terminal has the most important tables and the first rows of each) {
  const auto fitted = fit_tables({of("a", 20), of("b", 3), of("c", 30), of("d", 9)}, {22, 80});
  CAF_CHECK_EQUAL(shown(fitted), "a 7, b 3, c 6, hidden 46");
  CAF_CHECK_EQUAL(lines_of(fitted), 22u);
  CAF_CHECK_EQUAL(fitted.tables[0][1][0], "a1");
  for (std::size_t rows = 0; rows < 60; ++rows) {
    const auto any = fit_tables({of("a", 20), of("b", 3), of("c", 30), of("d", 9)}, {rows, 80});
    CAF_CHECK(lines_of(any) <= std::max<std::size_t>(rows, 2));
    std::size_t all = any.hidden;
    for (const auto& each : any.tables)
      all += each.size() - 1;
    CAF_CHECK_EQUAL(all, 62u);
  }
}

CAF_TEST(a table that is too wide loses columns that can be missed and then the ends of names) {
  screen_table wide{{{"actor", "instance", "messages", "mailbox"},
                     {"reconciler", "account-dead-letter-consumer/0", "123456789", "0"},
                     {"gate", "0", "1", "0"}},
                    {"messages"}};
  CAF_CHECK_EQUAL(fit_tables({wide}, {50, 80}).tables[0][0].size(), 4u);
  const auto narrower = fit_tables({wide}, {50, 51}).tables[0];
  CAF_CHECK(narrower[0] == (std::vector<std::string>{"actor", "instance", "mailbox"}));
  CAF_CHECK_EQUAL(narrower[1][1], "account-dead-letter-consumer/0");
  for (const std::size_t columns : {50, 40, 30}) {
    const auto cut = fit_tables({wide}, {50, columns}).tables[0];
    CAF_CHECK(width_of(cut) <= columns);
    CAF_CHECK(cut[1][1].ends_with("..."));
    CAF_CHECK_EQUAL(cut[2][1], "0");
  }
}
