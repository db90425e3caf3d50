#include "tests/support/failpoints.hpp"

#include <chrono>
#include <memory>
#include <new>
#include <stdexcept>

#include "domain/failpoint.hpp"

#define CAF_SUITE failpoints
#include "caf/test/unit_test_impl.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

// Whether the text is refused with these words, and arms nothing.
bool refused(std::string_view rules, std::string_view why) {
  const auto said = arm_failpoints(rules);
  return said.find(why) != std::string::npos && !failpoint("gate");
}

bool throws() {
  try {
    failpoint("gate");
    return false;
  } catch (const std::runtime_error& e) {
    return std::string_view{e.what()} == "the failpoint gate";
  }
}

} // namespace

CAF_TEST(without rules nothing happens) {
  for (int i = 0; i < 3; ++i)
    CAF_CHECK(!failpoint("publish"));
}

CAF_TEST(a rule with a fault is refused and says why) {
  CAF_CHECK(refused("gates=throw", "`gates=throw`: there is no failpoint of that name"));
  CAF_CHECK(refused("gate", "must be NAME=DEED"));
  CAF_CHECK(refused("gate=explode", "what happens must be"));
  CAF_CHECK(refused("gate=delay(x)", "what happens must be"));
  CAF_CHECK(refused("gate=throw@0", "when must be"));
  CAF_CHECK(refused("gate=throw@2..1", "when must be"));
  CAF_CHECK(refused("gate=throw@x", "when must be"));
  CAF_CHECK(refused("gate=drop", "this step cannot be dropped"));
  CAF_CHECK(refused("allocation=kill", "an allocation can only throw"));
  CAF_CHECK(refused("gate=throw;pull=drop;word", "`word`: must be"));
}

CAF_TEST(each rule counts for itself and applies at its times) {
  CAF_CHECK_EQUAL(
      arm_failpoints("publish=drop@2;gate=throw@2..3;puback=drop@3..;write=delay(30)@1"), "");
  CAF_CHECK(!failpoint("publish"));
  CAF_CHECK(failpoint("publish"));
  CAF_CHECK(!failpoint("publish"));
  CAF_CHECK(!throws());
  CAF_CHECK(throws());
  CAF_CHECK(throws());
  CAF_CHECK(!throws());
  for (int i = 1; i < 6; ++i)
    CAF_CHECK_EQUAL(failpoint("puback"), i >= 3);
  const auto began = std::chrono::steady_clock::now();
  CAF_CHECK(!failpoint("write"));
  CAF_CHECK(std::chrono::steady_clock::now() - began >= std::chrono::milliseconds{30});
}

CAF_TEST(an allocation fails) {
  CAF_CHECK_EQUAL(arm_failpoints("allocation=throw@2"), "");
  auto first = std::make_unique<int>(1);
  bool failed = false;
  try {
    first = std::make_unique<int>(2);
  } catch (const std::bad_alloc&) {
    failed = true;
  }
  arm_failpoints("");
  CAF_CHECK(failed);
}
