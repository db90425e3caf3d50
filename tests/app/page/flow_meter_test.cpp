#include "app/page/flow_meter.hpp"

#define CAF_SUITE flow_meter
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

const std::chrono::steady_clock::time_point start{1000h};
constexpr boot_id node_a{1};
constexpr boot_id node_b{2};

flow_sample sample(std::chrono::milliseconds at, std::int64_t applied, std::uint64_t published) {
  flow_sample result;
  result.at = start + at;
  result.outcomes[0] = applied;
  result.streams = stream_marks{start + at, 7, published, 0};
  result.nodes[node_a] = {static_cast<std::uint64_t>(applied),
                          static_cast<std::uint64_t>(at.count()) + 70};
  return result;
}

duration_histogram durations(std::initializer_list<std::int64_t> microseconds) {
  duration_histogram result;
  for (const auto each : microseconds)
    result.record(each);
  return result;
}

} // namespace

CAF_TEST(a rate is taken over the window and from nothing else) {
  flow_meter flow;
  CAF_CHECK(!flow.rate(0));
  flow.note(sample(0s, 1000, 5000));
  CAF_CHECK(!flow.rate(0)); // one sample tells of no pace
  CAF_CHECK(!flow.published());
  flow.note(sample(2s, 1100, 5300));
  CAF_CHECK(flow.rate(0) == 50.0);
  CAF_CHECK(flow.published() == 150.0);
  CAF_CHECK(flow.decided(node_a) == 50.0);
  CAF_CHECK(!flow.decided(boot_id{2}));
  CAF_CHECK(!flow.rate(1)); // nobody has said it
  flow.note(sample(4s, 1100, 5300));
  CAF_CHECK(flow.rate(0) == 25.0);
  flow.note(sample(7s, 1150, 5300)); // the first two are older than the window
  CAF_CHECK(flow.rate(0) == 10.0);
}

CAF_TEST(a node that was heard once has no pace) {
  flow_meter flow;
  const auto heard = [](std::chrono::milliseconds at, node_count said) {
    auto result = sample(at, 0, 0);
    result.nodes[node_a] = said;
    return result;
  };
  flow.note(heard(0s, {1000, 500}));
  flow.note(heard(1s, {1000, 500})); // the same word again
  CAF_CHECK(!flow.decided(node_a));
  flow.note(heard(2s, {1400, 2500}));
  CAF_CHECK(flow.decided(node_a) == 200.0); // of the time between the two words
  flow.note(heard(3s, {1400, 4500}));
  CAF_CHECK(flow.decided(node_a) == 100.0);
}

CAF_TEST(several nodes go at the sum of what each has said) {
  using outcomes = std::array<std::uint64_t, 4>;
  flow_meter flow;
  const auto heard = [](std::chrono::milliseconds at, node_count a, node_count b) {
    auto result = sample(at, 0, 0);
    result.nodes = {{node_a, a}, {node_b, b}};
    return result;
  };
  const node_count silent{500, 1, std::nullopt}; // an earlier version
  CAF_CHECK_EQUAL(flow.together().nodes, 0u);
  flow.note(heard(0s, {0, 500, outcomes{100, 0, 0, 7}}, silent));
  CAF_CHECK_EQUAL(flow.together().nodes, 0u); // one word tells of no pace
  flow.note(heard(1s, {0, 1500, outcomes{200, 10, 0, 7}}, {0, 90, outcomes{1000, 0, 0, 0}}));
  const auto alone = flow.together();
  CAF_CHECK_EQUAL(alone.nodes, 1u);
  CAF_CHECK_EQUAL(alone.rates[0], 100.0);
  flow.note(heard(2s, {0, 2500, outcomes{300, 20, 0, 7}}, {0, 590, outcomes{1100, 0, 0, 0}}));
  const auto both = flow.together();
  CAF_CHECK_EQUAL(both.nodes, 2u);
  CAF_CHECK_EQUAL(both.rates[0], 300.0); // b has counted for half a second
  CAF_CHECK_EQUAL(both.rates[1], 10.0);
  CAF_CHECK_EQUAL(both.rates[3], 0.0);
  // Who has said nothing new keeps its pace; who begins anew has none.
  flow.note(heard(3s, {0, 2500, outcomes{300, 20, 0, 7}}, {0, 1590, outcomes{50, 0, 0, 0}}));
  const auto series = flow.joint_series(0);
  CAF_REQUIRE_EQUAL(series.size(), 3u);
  CAF_CHECK(series[0] == 100.0);
  CAF_CHECK(series[1] == 300.0);
  CAF_CHECK(series[2] == 100.0);
  flow.note(sample(4s, 0, 0)); // of these two only a has answered, and not what became of entries
  CAF_CHECK_EQUAL(flow.together().nodes, 0u);
  CAF_CHECK(flow.joint_series(0).back() == std::nullopt);
}

CAF_TEST(a pause begins anew and what falls has no rate) {
  flow_meter flow;
  flow.note(sample(0s, 1000, 1));
  flow.note(sample(6s, 9000, 1));
  CAF_CHECK(!flow.rate(0));
  flow.note(sample(7s, 10, 1)); // an actor is silent, or the node began anew
  CAF_CHECK(!flow.rate(0));
  flow.note(sample(8s, 20, 1));
  CAF_CHECK(!flow.rate(0)); // the window still begins above
  auto other_life = sample(9s, 30, 50);
  other_life.streams->requests_life = 8;
  flow.note(other_life);
  CAF_CHECK(!flow.published()); // another life of the stream counts from 1
}

CAF_TEST(series have a step from each sample to the next and an end) {
  flow_meter flow;
  for (int i = 0; i < 200; ++i)
    flow.note(sample(i * 1s, i * i, 0));
  const auto series = flow.outcome_series(0);
  CAF_CHECK_EQUAL(series.size(), flow_meter::samples_max - 1);
  CAF_CHECK(series.back() == 199.0 * 199 - 198.0 * 198);
  CAF_CHECK(flow.outcome_series(2).back() == std::nullopt);
}

CAF_TEST(stages are those of the window alone) {
  flow_meter flow;
  auto first = sample(0s, 0, 0);
  first.stages["commit"] = durations({9'000'000, 9'000'000});
  first.stages["ack"] = durations({100});
  flow.note(first);
  auto second = sample(1s, 0, 0);
  second.stages["commit"] = durations({9'000'000, 9'000'000, 700, 800, 900, 950});
  second.stages["ack"] = durations({100});
  second.stages["new"] = durations({100});
  flow.note(second);
  const auto stages = flow.stages();
  CAF_REQUIRE_EQUAL(stages.size(), 1u);
  CAF_CHECK_EQUAL(stages[0].name, "commit");
  CAF_CHECK_EQUAL(stages[0].count, 4);
  CAF_CHECK_EQUAL(stages[0].p50_us, 750); // half of the bucket from 500 to 1000
  CAF_CHECK_EQUAL(stages[0].p99_us, 995);
}

CAF_TEST(quantiles lie within their bucket and end with the last bound) {
  CAF_CHECK_EQUAL(quantile_us(durations({50}).buckets(), 1), 50);
  CAF_CHECK_EQUAL(quantile_us(durations({99'000'000}).buckets(), 0.5),
                  duration_histogram::bounds_us.back());
  const auto mixed = durations({200, 200, 200, 40'000}).buckets();
  CAF_CHECK_EQUAL(quantile_us(mixed, 0.5), 200);
  CAF_CHECK_EQUAL(quantile_us(mixed, 1), 50'000);
}
