#include "app/page/together.hpp"

#define CAF_SUITE together
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

const std::chrono::steady_clock::time_point start{1000h};

// A node with the role ledger that has counted so many as applied.
node_view node(std::uint64_t boot, std::uint64_t applied, std::uint64_t counted_ms,
               std::vector<consumer_age> undecided = {{"d", 0}}) {
  node_view result;
  result.word.boot = boot_id{boot};
  result.word.name = "node-" + std::to_string(boot);
  result.word.ledger = true;
  result.word.uptime_ms = counted_ms + 300;
  result.tally.entries = {applied, 1, 2, 3};
  result.tally.undecided = std::move(undecided);
  result.tally.counted_ms = counted_ms;
  return result;
}

node_view silent(std::uint64_t boot) {
  auto result = node(boot, 0, 0, {});
  result.silent = true;
  result.tally = {};
  return result;
}

node_view earlier_version(std::uint64_t boot) {
  auto result = silent(boot);
  result.silent = false;
  return result;
}

void note(flow_meter& flow, std::chrono::milliseconds at, const std::vector<node_view>& nodes) {
  flow_sample sample;
  sample.at = start + at;
  for (const auto& each : nodes)
    if (!each.silent)
      sample.nodes[each.word.boot] = count_of(each);
  flow.note(sample);
}

nlohmann::ordered_json shown(const std::vector<node_view>& nodes) {
  flow_meter flow;
  note(flow, 0ms, nodes);
  return together_json(nodes, flow);
}

std::string oldest(const std::vector<node_view>& nodes) {
  const auto document = shown(nodes);
  return document.at("oldestUndecidedMs").dump() + document.at("consumers").dump();
}

} // namespace

CAF_TEST(the picture of several nodes is the sum of those that answer) {
  flow_meter flow;
  note(flow, 0ms, {node(1, 100, 500), node(2, 1000, 70)});
  const std::vector later{node(1, 300, 2500), node(2, 1500, 2070), silent(3)};
  note(flow, 2000ms, later);
  const auto document = together_json(later, flow);
  CAF_CHECK_EQUAL(document.at("nodes"), 3);
  CAF_CHECK_EQUAL(document.at("answered"), 2);
  CAF_CHECK_EQUAL(document.at("entries").dump(),
                  R"({"applied":1800,"refused":2,"duplicate":4,"parked":6})");
  CAF_CHECK_EQUAL(document.at("flow").dump(),
                  R"({"windowMs":5000,"nodes":2,"applied":350.0,"refused":0.0,"duplicate":0.0,)"
                  R"("parked":0.0,"series":{"applied":[350.0],"refused":[0.0],"duplicate":[0.0],)"
                  R"("parked":[0.0]}})");
}

CAF_TEST(a node that does not say what became of entries is not counted as 0) {
  CAF_CHECK(shown({}).is_null());
  for (const auto& quiet : {silent(2), earlier_version(2)}) {
    const auto document = shown({node(1, 100, 500), quiet});
    CAF_CHECK_EQUAL(document.at("nodes"), 2);
    CAF_CHECK_EQUAL(document.at("answered"), 1);
    CAF_CHECK_EQUAL(document.at("entries").at("applied"), 100);
    const auto nobody = shown({quiet});
    CAF_CHECK_EQUAL(nobody.at("answered"), 0);
    CAF_CHECK(nobody.at("entries").at("applied").is_null());
    CAF_CHECK(nobody.at("flow").at("applied").is_null());
    CAF_CHECK(nobody.at("consumers").is_null());
  }
  // Nobody waits for what a node without the ledger has not got.
  auto account = earlier_version(2);
  account.word.ledger = false;
  const auto document = shown({node(1, 100, 500), account});
  CAF_CHECK_EQUAL(document.at("nodes"), 1);
}

CAF_TEST(of a consumer the oldest that a node knows is shown) {
  CAF_CHECK_EQUAL(oldest({node(1, 0, 500, {{"d", 20}, {"w", std::nullopt}}),
                          node(2, 0, 500, {{"d", std::nullopt}, {"w", 0}})}),
                  R"(20[{"name":"d","oldestUndecidedMs":20},{"name":"w","oldestUndecidedMs":0}])");
  CAF_CHECK_EQUAL(
      oldest({node(1, 0, 500, {{"d", 20}, {"w", std::nullopt}}),
              node(2, 0, 500, {{"d", 700}, {"w", std::nullopt}})}),
      R"(null[{"name":"d","oldestUndecidedMs":700},{"name":"w","oldestUndecidedMs":null}])");
  // What the silent one holds may be older.
  CAF_CHECK_EQUAL(oldest({node(1, 0, 500, {{"d", 20}}), silent(2)}),
                  R"(null[{"name":"d","oldestUndecidedMs":20}])");
}
