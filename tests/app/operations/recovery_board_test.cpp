#include "app/operations/recovery_board.hpp"

#define CAF_SUITE recovery_board
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(what fails three times in a row is said until it succeeds) {
  note_recovery("a/recovery", 1, "no right");
  note_recovery("a/recovery", 2, "no right");
  CAF_CHECK_EQUAL(unrecovered(), "");
  note_recovery("a/recovery", 3, "no right");
  CAF_CHECK_EQUAL(unrecovered(), "what a/recovery gives up is not recovered: no right");
  note_recovery("b/recovery", 4, "no room");
  CAF_CHECK_EQUAL(unrecovered(), "what a/recovery gives up is not recovered: no right; "
                                 "what b/recovery gives up is not recovered: no room");
  CAF_CHECK_EQUAL(unrecovered_consumers(), 2u);
  note_recovery("a/recovery", 4, "no stream"); // instead of what was said
  note_recovery("b/recovery", 0, "");
  CAF_CHECK_EQUAL(unrecovered(), "what a/recovery gives up is not recovered: no stream");
  note_recovery("a/recovery", 0, "");
  note_recovery("a/recovery", 0, "");
  CAF_CHECK_EQUAL(unrecovered(), "");
  CAF_CHECK_EQUAL(unrecovered_consumers(), 0u);
}
