#include "messaging/nats/renewal.hpp"

#include <vector>

#define CAF_SUITE broker_renewal
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

struct fixture {
  // When, from now on and within `time`, subscriptions are made anew; each try is refused while
  // `refusing`.
  std::vector<std::chrono::milliseconds> renewals(std::chrono::milliseconds time, bool refusing) {
    std::vector<std::chrono::milliseconds> result;
    for (auto passed = 0ms; passed < time; passed += 100ms, now += 100ms)
      if (subject.is_due(refusals, now)) {
        result.push_back(passed);
        refusals += refusing ? 1 : 0;
      }
    return result;
  }

  renewal subject;
  std::uint64_t refusals = 0;
  renewal::time_point now{1h};
};

using times = std::vector<std::chrono::milliseconds>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(renewal_tests, fixture)

CAF_TEST(without a refusal nothing is made anew) {
  CAF_CHECK(renewals(1h, true).empty());
}

CAF_TEST(a refusal is followed by one renewal) {
  refusals = 17;
  CAF_CHECK(renewals(1h, false) == times{0ms});
}

CAF_TEST(while it goes on the pauses grow to a bound) {
  refusals = 1;
  const auto all = renewals(200s, true);
  CAF_CHECK(times(all.begin(), all.begin() + 6) == (times{0ms, 1s, 3s, 7s, 15s, 31s}));
  CAF_CHECK(all.back() - all[all.size() - 2] == renewal::pause_max);
}

CAF_TEST(after a success that lasts the next refusal is met at once) {
  refusals = 1;
  renewals(20s, true);
  renewals(3min, false);
  ++refusals;
  CAF_CHECK(renewals(1s, true) == times{0ms});
  CAF_CHECK(renewals(3s, true) == (times{0ms, 2s}));
}

CAF_TEST_FIXTURE_SCOPE_END()
