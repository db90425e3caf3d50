#include "messaging/missing_copies.hpp"

#define CAF_SUITE missing_copies
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

using change = missing_copies::change;

struct fixture {
  // Looks once a second on the way.
  change after(std::chrono::milliseconds time, const std::vector<std::string>& weak) {
    for (; time > 1s; time -= 1s)
      if (const auto got = subject.look(weak, now += 1s, 10s); got != change::none)
        return got;
    return subject.look(weak, now += time, 10s);
  }

  missing_copies subject;
  missing_copies::time_point now{1h};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(missing_copies_tests, fixture)

CAF_TEST(a copy is missing when it has been weak for long without a break) {
  CAF_CHECK(after(0s, {"n3"}) == change::none);
  CAF_CHECK(after(9s, {"n3"}) == change::none);
  CAF_CHECK(after(500ms, {}) == change::none); // it has caught up
  CAF_CHECK(after(500ms, {"n3"}) == change::none);
  CAF_CHECK(after(9999ms, {"n3"}) == change::none);
  CAF_CHECK_EQUAL(subject.count(), 0u);
  CAF_CHECK(after(1ms, {"n3"}) == change::fewer);
  CAF_CHECK_EQUAL(subject.count(), 1u);
  CAF_CHECK(after(60s, {"n3"}) == change::none);
  CAF_CHECK(subject.look({"n3"}, now += 1h, 10s) == change::none); // nobody has looked meanwhile
  CAF_CHECK_EQUAL(subject.count(), 1u);
  CAF_CHECK(after(1s, {}) == change::whole);
  CAF_CHECK_EQUAL(subject.count(), 0u);
  CAF_CHECK(after(1s, {}) == change::none);
}

CAF_TEST(another one that goes missing is told and one of two that is back is not ) {
  after(0s, {"n3"});
  CAF_CHECK(after(10s, {"n2", "n3"}) == change::fewer);
  CAF_CHECK_EQUAL(subject.text(), "n3");
  CAF_CHECK(after(10s, {"n2", "n3"}) == change::fewer);
  CAF_CHECK_EQUAL(subject.text(), "n2, n3");
  CAF_CHECK(after(1s, {"n2"}) == change::none);
  CAF_CHECK_EQUAL(subject.count(), 1u);
  CAF_CHECK(after(1s, {}) == change::whole);
}

CAF_TEST(what nobody has seen in between is no spell) {
  after(0s, {"n3"});
  CAF_CHECK(subject.look({"n3"}, now += 15s, 10s) == change::none);
  CAF_CHECK(after(9s, {"n3"}) == change::none);
  CAF_CHECK(after(1s, {"n3"}) == change::fewer);
}

CAF_TEST(two copies without a server are two) {
  after(0s, {"no server"});
  CAF_CHECK(after(10s, {"no server"}) == change::fewer);
  CAF_CHECK(after(1s, {"no server", "no server"}) == change::fewer);
  CAF_CHECK_EQUAL(subject.count(), 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()
