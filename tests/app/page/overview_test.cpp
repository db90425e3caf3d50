#include "app/page/overview.hpp"

#define CAF_SUITE overview
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;
using nlohmann::ordered_json;

namespace {

const std::chrono::steady_clock::time_point start{1000h};

node_card card() {
  return {.name = "node-1",
          .version = "1.2.3",
          .roles = {"ledger"},
          .started_us = 1'000'000,
          .settings = {{"fetchers", "2", "given"}}};
}

metric counted(std::string name, std::int64_t value, std::string outcome = {}) {
  metric result{std::move(name), "help", metric_kind::counter, {}, value, {}};
  if (!outcome.empty())
    result.labels.emplace_back("outcome", outcome);
  return result;
}

metric lasting(std::string name, std::int64_t microseconds, std::string stage = {}) {
  metric result{std::move(name), "help", metric_kind::histogram, {}, 0, {}};
  result.durations.record(microseconds);
  if (!stage.empty())
    result.labels.emplace_back(result.name == "ledgerd_account_commit_seconds" ? "batch" : "stage",
                               stage);
  return result;
}

overview_facts facts(std::chrono::milliseconds at = 0ms) {
  overview_facts result;
  result.at = start + at;
  result.at_us = 3'000'000;
  result.started = true;
  result.checks = {{"database", true, ""}};
  return result;
}

ordered_json shown(const overview_facts& what) {
  flow_meter flow;
  flow.note(to_sample(what));
  return overview_json(card(), what, flow);
}

} // namespace

CAF_TEST(what is not known is null and never 0) {
  const auto document = shown(facts());
  for (const char* field : {"inFlight", "oldestUndecidedMs", "consumers", "circuitOpen", "audit",
                            "cluster", "together", "refusals"})
    CAF_CHECK_EQUAL(field + document.at(field).dump(), field + std::string{"null"});
  for (const char* outcome : {"applied", "refused", "duplicate", "parked"}) {
    CAF_CHECK(document.at("entries").at(outcome).is_null());
    CAF_CHECK(document.at("flow").at(outcome).is_null());
  }
  CAF_CHECK(document.at("flow").at("published").is_null());
  CAF_CHECK(document.at("streams").at("published").is_null());
  CAF_CHECK(document.at("aside").at("accounts").is_null());
}

CAF_TEST(the counters are those of the metrics) {
  auto known = facts();
  known.metrics = metrics_snapshot{counted("ledgerd_entries_total", 11, "applied"),
                                   counted("ledgerd_entries_total", 12, "parked"),
                                   counted("ledgerd_refused_total", 8, "BALANCE_OVERFLOW"),
                                   counted("ledgerd_refused_total", 9, "INSUFFICIENT_FUNDS"),
                                   counted("ledgerd_in_flight", 13),
                                   counted("ledgerd_circuit_open", 1),
                                   counted("ledgerd_audit_on_duty", 1),
                                   counted("ledgerd_audit_findings", 2),
                                   counted("ledgerd_audit_age_seconds", 3),
                                   counted("ledgerd_audit_behind_seconds", 35),
                                   counted("ledgerd_audit_rows_total", 4)};
  known.streams = stream_marks{start - 1s, 7, 100, 5};
  const auto document = shown(known);
  CAF_CHECK_EQUAL(document.at("entries").at("applied"), 11);
  CAF_CHECK_EQUAL(document.at("entries").at("parked"), 12);
  CAF_CHECK(document.at("entries").at("refused").is_null());
  CAF_CHECK_EQUAL(document.at("refusals").dump(), R"([{"reason":"BALANCE_OVERFLOW","count":8},)"
                                                  R"({"reason":"INSUFFICIENT_FUNDS","count":9}])");
  CAF_CHECK_EQUAL(document.at("inFlight"), 13);
  CAF_CHECK_EQUAL(document.at("circuitOpen"), 1);
  CAF_CHECK_EQUAL(document.at("audit").dump(),
                  R"({"onDuty":true,"findings":2,"ageSeconds":3,"behindSeconds":35,"rows":4})");
  CAF_CHECK_EQUAL(document.at("streams").at("published"), 100);
  CAF_CHECK_EQUAL(document.at("streams").at("deadLetters"), 5);
  known.streams->at = start - 6s; // nobody has looked of late
  const auto old = shown(known);
  CAF_CHECK(old.at("streams").at("published").is_null());
}

CAF_TEST(what another node audits is not shown as clean) {
  auto known = facts();
  known.metrics = metrics_snapshot{counted("ledgerd_audit_on_duty", 0)};
  CAF_CHECK_EQUAL(
      shown(known).at("audit").dump(),
      R"({"onDuty":false,"findings":null,"ageSeconds":null,"behindSeconds":null,"rows":null})");
  known.metrics->push_back(counted("ledgerd_audit_findings", 2));
  known.metrics->push_back(counted("ledgerd_audit_rows_total", 4));
  CAF_CHECK_EQUAL(
      shown(known).at("audit").dump(),
      R"({"onDuty":false,"findings":2,"ageSeconds":null,"behindSeconds":null,"rows":4})");
}

CAF_TEST(the oldest request is not known while that of one consumer is not ) {
  const auto aged = [](std::int64_t deposits, std::int64_t withdrawals) {
    auto known = facts();
    known.metrics = metrics_snapshot{};
    for (const auto& [consumer, age] :
         {std::pair{"deposit-consumer", deposits}, std::pair{"withdrawal-consumer", withdrawals}})
      known.metrics->push_back({"ledgerd_oldest_undecided_seconds",
                                "help",
                                metric_kind::gauge,
                                {{"consumer", consumer}},
                                age,
                                {},
                                {},
                                true});
    const auto document = shown(known);
    return document.at("oldestUndecidedMs").dump() + document.at("consumers").dump();
  };
  CAF_CHECK_EQUAL(aged(20, 700), R"(700[{"name":"deposit-consumer","oldestUndecidedMs":20},)"
                                 R"({"name":"withdrawal-consumer","oldestUndecidedMs":700}])");
  CAF_CHECK_EQUAL(aged(20, not_known),
                  R"(null[{"name":"deposit-consumer","oldestUndecidedMs":20},)"
                  R"({"name":"withdrawal-consumer","oldestUndecidedMs":null}])");
}

CAF_TEST(stages are the histograms of the way of a message) {
  flow_meter flow;
  auto first = facts();
  first.metrics = metrics_snapshot{};
  auto second = facts(1s);
  second.metrics = metrics_snapshot{};
  for (const auto& [name, stage] :
       {std::pair{"ledgerd_stage_seconds", "decode"}, std::pair{"ledgerd_commit_seconds", ""},
        std::pair{"caf_actor_mailbox_time_seconds", "gate"},
        std::pair{"ledgerd_account_commit_seconds", "results"},
        std::pair{"ledgerd_batch_entries", "posted"}}) {
    first.metrics->push_back(lasting(name, 500, stage));
    second.metrics->push_back(lasting(name, 500, stage));
    second.metrics->back().durations.record(500);
  }
  flow.note(to_sample(first));
  flow.note(to_sample(second));
  const auto document = overview_json(card(), second, flow);
  std::string names;
  for (const auto& each : document.at("stages"))
    names += each.at("name").get<std::string>() + " " + each.at("count").dump() + "; ";
  CAF_CHECK_EQUAL(names, "commit 1; decode 1; ");
}

CAF_TEST(a node is starting then serving then draining and ready only when all is well) {
  const auto state = [](const overview_facts& what) {
    const auto document = shown(what);
    return document.at("node").at("doing").get<std::string>() + " " + document.at("ready").dump();
  };
  auto known = facts();
  CAF_CHECK_EQUAL(state(known), "serving true");
  known.checks.push_back({"streams", false, "consumer x is missing"});
  CAF_CHECK_EQUAL(state(known), "serving false");
  const auto document = shown(known);
  CAF_CHECK_EQUAL(document.at("checks").at(1).at("detail"), "consumer x is missing");
  known.checks.push_back({"draining", false, "shutting down"});
  CAF_CHECK_EQUAL(state(known), "draining false");
  known = facts();
  known.started = false;
  CAF_CHECK_EQUAL(state(known), "starting false");
}

CAF_TEST(nodes have their pace and changes come to an end) {
  flow_meter flow;
  auto first = facts();
  node_view other;
  other.word.boot = boot_id{2};
  other.word.name = "node-2";
  other.silent = true;
  node_view self;
  self.word.boot = boot_id{1};
  self.word.name = "node-1";
  self.tally.decided = 100;
  self.word.uptime_ms = 500;
  first.nodes = std::vector{self, other};
  flow.note(to_sample(first));
  auto second = facts(2s);
  self.tally.decided = 150;
  self.word.uptime_ms = 2500;
  second.nodes = std::vector{self, other};
  for (int i = 0; i < 100; ++i)
    second.changes.push_back({i, "info", "started", std::to_string(i)});
  flow.note(to_sample(second));
  const auto document = overview_json(card(), second, flow);
  const auto& nodes = document.at("cluster").at("nodes");
  CAF_CHECK_EQUAL(nodes.at(0).at("decidedPerSecond"), 25.0);
  CAF_CHECK(nodes.at(1).at("decidedPerSecond").is_null());
  CAF_CHECK_EQUAL(document.at("changes").size(), 30u);
  CAF_CHECK_EQUAL(document.at("changes").at(0).at("text"), "0");
}

CAF_TEST(hostile text stays text) {
  auto known = facts();
  const std::string hostile = "</script>\xff\n\"<img src=x onerror=alert(1)>";
  known.changes.push_back({0, "warn", "x", hostile});
  known.checks.push_back({"streams", false, hostile});
  const auto text = shown(known).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  CAF_CHECK_EQUAL(text.find('\n'), std::string::npos); // an event is one line
  CAF_CHECK(ordered_json::accept(text));
}

CAF_TEST(the board of changes keeps the last) {
  change_board board;
  for (int i = 0; i < 250; ++i)
    board.note({i, "info", "x", ""});
  const auto latest = board.latest();
  CAF_CHECK_EQUAL(latest.size(), change_board::kept);
  CAF_CHECK_EQUAL(latest.front().at_us, 249);
  CAF_CHECK_EQUAL(settings_json(card()).dump(),
                  R"([{"name":"fetchers","value":"2","why":"given"}])");
}
