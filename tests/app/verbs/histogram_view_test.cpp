#include "app/verbs/histogram_view.hpp"

#include <array>
#include <random>
#include <vector>

#include "app/operations/bucket_share.hpp"
#include "app/page/flow_meter.hpp"

#define CAF_SUITE histogram_view
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(a share lies within its bucket by proportion and as the page says it) {
  std::random_device device;
  const auto seed = device();
  CAF_MESSAGE("seed " << seed);
  std::mt19937 random{seed};
  constexpr auto& bounds = duration_histogram::bounds_us;
  for (int round = 0; round < 1000; ++round) {
    std::array<std::int64_t, bounds.size() + 1> counts{};
    std::vector<counted_bucket> buckets;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      counts.at(i) = random() % 3 == 0 ? static_cast<std::int64_t>(random() % 1000) : 0;
      buckets.push_back(
          {i < bounds.size() ? std::optional{bounds.at(i)} : std::nullopt, counts.at(i)});
    }
    counts[3] += 1;
    buckets[3].count += 1;
    for (const auto share : {0.5, 0.9, 0.99})
      CAF_CHECK_EQUAL(value_at_share(buckets, share).value_or(bounds.back()),
                      quantile_us(counts, share));
  }
}

CAF_TEST(what lies above the last bound and what is not there have no value) {
  const std::vector<counted_bucket> above{{100, 1}, {std::nullopt, 9}};
  CAF_CHECK(!value_at_share(above, 0.5));
  CAF_CHECK(value_at_share(above, 0.1) == 100);
  CAF_CHECK(!value_at_share({}, 0.5));
}

CAF_TEST(times have the unit that tells enough) {
  for (const auto& [us, wanted] :
       std::vector<std::pair<std::int64_t, std::string>>{{0, "0us"},
                                                         {999, "999us"},
                                                         {1000, "1ms"},
                                                         {2500, "2.5ms"},
                                                         {250'000, "250ms"},
                                                         {1'200'000, "1.2s"},
                                                         {119'000'000, "119s"},
                                                         {600'000'000, "10m"}})
    CAF_CHECK_EQUAL(short_time(us), wanted);
}
