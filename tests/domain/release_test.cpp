#include "domain/release.hpp"

#include <string>
#include <vector>

#define CAF_SUITE release
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(what is released is empty and has given its memory back) {
  struct request {
    std::string body;
    std::vector<int> numbers;
  } one{std::string(5000, 'x'), std::vector<int>(1000)};
  std::vector<int> alone(1000);
  release(one);
  release(alone);
  CAF_CHECK(one.body.empty() && one.numbers.empty() && alone.empty());
  CAF_CHECK_EQUAL(one.body.capacity(), std::string().capacity());
  CAF_CHECK_EQUAL(one.numbers.capacity(), 0u);
  CAF_CHECK_EQUAL(alone.capacity(), 0u);
}
