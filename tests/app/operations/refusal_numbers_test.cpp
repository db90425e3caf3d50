#include "app/operations/refusal_numbers.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "actors/common/question_board.hpp"
#include "app/http/refusals.hpp"

#define CAF_SUITE refusal_numbers
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

std::int64_t count_of(const std::string& door, const std::string& code) {
  for (const auto& each : refusal_numbers())
    if (each.labels[0].second == door && each.labels[1].second == code)
      return each.value;
  return -1;
}

// The codes of the page's table.
std::set<std::string> documented() {
  std::ifstream page{LEDGERD_SOURCE_DIR "/docs/errors.md"};
  const std::regex row{R"(^\| \[`([A-Z_]+)`\].*)"};
  std::set<std::string> result;
  std::smatch found;
  for (std::string line; std::getline(page, line);)
    if (std::regex_match(line, found, row))
      result.insert(found[1]);
  return result;
}

} // namespace

CAF_TEST(each code of the page has a series for each door) {
  std::set<std::string> http, nats;
  for (const auto& each : refusal_numbers())
    (each.labels[0].second == "http" ? http : nats).insert(each.labels[1].second);
  CAF_CHECK(http == documented());
  CAF_CHECK(nats == documented());
}

CAF_TEST(what is refused counts at its door) {
  const auto http = count_of("http", "INVALID_FIELD");
  const auto nats = count_of("nats", "TOO_LARGE");
  const auto other = count_of("nats", "INVALID_FIELD"); // other tests of this binary refuse, too
  note_refusal("INVALID_FIELD");
  note_answered("ledgerd.api.submit", 1us, 413, "TOO_LARGE");
  note_answered("ledgerd.api.submit", 1us, 202, "");
  CAF_CHECK_EQUAL(count_of("http", "INVALID_FIELD"), http + 1);
  CAF_CHECK_EQUAL(count_of("nats", "INVALID_FIELD"), other);
  CAF_CHECK_EQUAL(count_of("nats", "TOO_LARGE"), nats + 1);
}
