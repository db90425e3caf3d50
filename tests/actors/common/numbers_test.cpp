// Tables with each fault that must not compile, and a report from one without.

#include "actors/common/numbers.hpp"

#include <array>

#define CAF_SUITE numbers
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

struct some_counters {
  std::int64_t come = 0;
  std::int64_t gone = 0;
  duration_histogram stay;
};

struct some_gauges {
  gauge here;
};

struct some_numbers : some_counters, some_gauges {
  static constexpr auto table() {
    using n = some_numbers;
    return std::to_array<number_row<n>>({
        {&n::come, "come_total", exported("ledgerd_guests_total", "Guests.", "come")},
        {&n::gone, "gone_total", exported("ledgerd_guests_total", "Guests.", "gone")},
        {&n::here, "here", not_exported("The difference.")},
        {&n::stay, "stay", exported("ledgerd_stay_seconds", "How long they stay.")},
    });
  }
};

using n = some_numbers;
using row = number_row<n>;
constexpr auto good = n::table();

template <std::size_t Place>
constexpr auto with(const row& other) {
  auto rows = good;
  rows[Place] = other;
  return rows;
}

constexpr std::array without_the_last{good[0], good[1], good[2]};
static_assert(each_member_has_a_row<n>(good));
static_assert(!each_member_has_a_row<n>(without_the_last));
static_assert(!each_member_has_a_row<n>(with<1>({&n::come, "gone_total", not_exported("No.")})));

static_assert(names_differ(good));
static_assert(!names_differ(with<1>({&n::gone, "come_total", not_exported("No.")})));
static_assert(!names_differ(with<1>({&n::gone, "gone_total",
                                     exported("ledgerd_guests_total", "Guests.", "come")})));

static_assert(each_is_exported_or_says_why(good));
static_assert(!each_is_exported_or_says_why(with<2>({&n::here, "here", not_exported("")})));
static_assert(!each_is_exported_or_says_why(with<2>({&n::here, "here", exposure{}})));
static_assert(!each_is_exported_or_says_why(with<2>({&n::here, "here",
                                                     exported("ledgerd_here", "")})));

static_assert(names_tell_the_kind(good));
static_assert(!names_tell_the_kind(with<0>({&n::come, "come", not_exported("No.")})));
static_assert(!names_tell_the_kind(with<2>({&n::here, "here_total", not_exported("No.")})));
static_assert(!names_tell_the_kind(with<2>({&n::here, "", not_exported("No.")})));
static_assert(!names_tell_the_kind(with<0>({&n::come, "come_total",
                                            exported("ledgerd_guests", "Guests.")})));
static_assert(!names_tell_the_kind(with<0>({&n::come, "come_total",
                                            exported("guests_total", "Guests.")})));
static_assert(!names_tell_the_kind(with<3>({&n::stay, "stay",
                                            exported("ledgerd_stay", "How long.")})));

// A gauge has no value of its own accord, and no row is without a word on its exposure.
static_assert(!std::is_default_constructible_v<some_gauges>);
static_assert(!std::is_constructible_v<row, std::int64_t n::*, const char*>);

} // namespace

CAF_TEST(a report has each number under its name and in the order of the table) {
  some_numbers now{{.come = 5, .gone = 2, .stay = {}}, {.here = 3u}};
  now.stay.record(70);
  const auto report = make_report("inn", "0", now, {std::chrono::milliseconds{9}, "no guest"});
  CAF_CHECK_EQUAL(report.actor, "inn");
  CAF_CHECK_EQUAL(report.instance, "0");
  CAF_CHECK_EQUAL(report.wait.since.count(), 9);
  std::string text;
  for (const auto& [what, value] : report.values)
    text += std::string{what->name} + "=" + std::to_string(value) + " ";
  CAF_CHECK_EQUAL(text, "come_total=5 gone_total=2 here=3 ");
  CAF_REQUIRE_EQUAL(report.histograms.size(), 1u);
  CAF_CHECK(report.histograms[0].what == &table_of<some_numbers>[3].about());
  CAF_CHECK_EQUAL(report.histograms[0].histogram.sum_us(), 70);
}

CAF_TEST(the sum of two histograms has the durations of both) {
  duration_histogram one;
  duration_histogram other;
  one.record(50);
  other.record(60);
  other.record(20'000'000);
  one.add(other);
  CAF_CHECK_EQUAL(one.count(), 3);
  CAF_CHECK_EQUAL(one.sum_us(), 20'000'110);
  CAF_CHECK_EQUAL(one.buckets()[2], 1); // up to 50 us
  CAF_CHECK_EQUAL(one.buckets()[3], 1);
  CAF_CHECK_EQUAL(one.buckets().back(), 1);
}
