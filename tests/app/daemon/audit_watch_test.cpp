#include "app/daemon/audit_watch.hpp"

#include <string>
#include <vector>

#include "actors/common/log.hpp"

#define CAF_SUITE audit_watch
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(looks that fail are said from the third in a row on) {
  std::vector<std::string> said;
  on_change([&](const log_change& line) { said.push_back(line.sentence); });
  audit_board board;
  board.goes_on();
  board.delayed("no answer");
  board.delayed("no answer");
  board.goes_on();
  board.delayed("no answer");
  board.delayed("no answer");
  CAF_CHECK(said.empty());
  board.delayed("no right");
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0], "audit: 3 looks in a row have failed: no right");
  for (int i = 0; i < 30; ++i)
    board.delayed("no right");
  CAF_REQUIRE_EQUAL(said.size(), 2u);
  CAF_CHECK_EQUAL(said[1], "audit: 33 looks in a row have failed: no right");
  board.goes_on();
  board.goes_on();
  CAF_REQUIRE_EQUAL(said.size(), 3u);
  CAF_CHECK_EQUAL(said[2], "audit: it looks again");
  on_change(nullptr);
}
