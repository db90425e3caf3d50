#include "app/daemon/change_log.hpp"

#include "actors/common/log.hpp"

#define CAF_SUITE change_log
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(changes go to the board and what comes with each message does not ) {
  auto board = std::make_shared<change_board>();
  keep_changes(board);
  log(log_event::circuit_opened, "database away: pulling stops");
  log(log_event::message_parked, "parking {} of TRANSACTIONS", 5);
  log(log_event::records_redriven, "redriver: 3 records without a verdict");
  log(log_event::verdict_contrary, {{"recordId", 7}}, "record {} is contrary", 7);
  const auto latest = board->latest();
  CAF_REQUIRE_EQUAL(latest.size(), 2u);
  CAF_CHECK_EQUAL(latest[0].what, "verdict_contrary");
  CAF_CHECK_EQUAL(latest[0].level, "error");
  CAF_CHECK_EQUAL(latest[0].text, "record 7 is contrary");
  CAF_CHECK_EQUAL(latest[1].what, "circuit_opened");
  CAF_CHECK_EQUAL(latest[1].level, "warn");
  CAF_CHECK(latest[1].at_us > 0);
  board.reset(); // nobody holds it any more
  log(log_event::circuit_closed, "database back");
  on_change({});
}
