#include "messaging/nats/retries.hpp"

#include <set>
#include <utility>

#define CAF_SUITE broker_retries
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

using indices = std::vector<std::size_t>;

// Six subscriptions, looked at every 100 ms.
struct fixture {
  // When, from now on and within `time`, which are made anew.
  std::vector<std::pair<std::chrono::milliseconds, indices>> tries(std::chrono::milliseconds time) {
    std::vector<std::pair<std::chrono::milliseconds, indices>> result;
    for (auto passed = 0ms; passed < time; passed += 100ms, now += 100ms) {
      const auto due = subject.due(now);
      if (!due.empty())
        result.emplace_back(passed, due);
      for (const auto which : due)
        if (refused.contains(which))
          subject.refuse(which);
    }
    return result;
  }

  void refuse(std::set<std::size_t> which) {
    refused = std::move(which);
    for (const auto one : refused)
      subject.refuse(one);
  }

  retries subject{6, {}};
  std::set<std::size_t> refused; // and each try again
  retries::time_point now{1h};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(retries_tests, fixture)

CAF_TEST(what stands is never made anew) {
  CAF_CHECK(tries(1h).empty());
  refuse({2});
  for (const auto& [when, which] : tries(1h))
    CAF_CHECK(which == indices{2});
}

CAF_TEST(what was taken away is made anew once and at once) {
  refuse({1, 4});
  refused.clear();
  const auto all = tries(1h);
  CAF_REQUIRE_EQUAL(all.size(), 1u);
  CAF_CHECK(all[0].first == 0ms);
  CAF_CHECK(all[0].second == (indices{1, 4}));
}

CAF_TEST(while it is refused the pauses grow to a bound) {
  refuse({3});
  const auto all = tries(10min);
  std::vector<std::chrono::milliseconds> times;
  for (const auto& [when, which] : all)
    times.push_back(when);
  times.resize(8);
  CAF_CHECK(times == (std::vector<std::chrono::milliseconds>{0s, 1s, 3s, 7s, 15s, 31s, 63s, 123s}));
  CAF_CHECK(all.back().first - all[all.size() - 2].first == 60s);
}

CAF_TEST(of many that are refused for long each has its turn) {
  refuse({0, 1, 3, 5});
  tries(100s); // seven of all, the last of them 63 s after the first
  const auto later = tries(5min);
  std::set<std::size_t> tried;
  CAF_CHECK_EQUAL(later.size(), 5u);
  for (const auto& [when, which] : later) {
    CAF_REQUIRE_EQUAL(which.size(), 1u);
    tried.insert(which[0]);
  }
  CAF_CHECK(tried == refused);
}

CAF_TEST(when one of many stands the others are tried) {
  refuse({0, 1, 3, 5});
  tries(100s);
  refused.clear();
  const auto later = tries(1h);
  CAF_REQUIRE_EQUAL(later.size(), 2u);
  CAF_CHECK_EQUAL(later[0].second.size(), 1u);
  CAF_CHECK_EQUAL(later[1].second.size(), 3u);
  CAF_CHECK(later[1].first - later[0].first == 5s);
}

CAF_TEST(after a success that lasts the next refusal is met at once) {
  refuse({2});
  tries(20s);
  refused.clear();
  tries(3min);
  refuse({2});
  const auto all = tries(2s);
  CAF_REQUIRE_EQUAL(all.size(), 2u);
  CAF_CHECK(all[0].first == 0ms);
  CAF_CHECK(all[1].first == 1s);
}

CAF_TEST(another session begins with none refused and goes on with the pauses) {
  refuse({2});
  tries(10min);
  subject.forget();
  refused.clear();
  CAF_CHECK(tries(30s).empty());
  refuse({2});
  CAF_CHECK_LESS_OR_EQUAL(tries(30s).size(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
