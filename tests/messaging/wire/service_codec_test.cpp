#include "messaging/service_codec.hpp"

#include <nlohmann/json.hpp>

#include "messaging/names.hpp"

#define CAF_SUITE service_codec
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using nlohmann::json;

namespace {

const service_identity self{.boot = boot_id{0xabc},
                            .version = "1.2.3",
                            .node = "a \"node\"",
                            .ledger = true,
                            .account = true,
                            .started_us = 1'000'000};

} // namespace

CAF_TEST(what is asked stands in the subject) {
  using enum service_question;
  struct row {
    const char* subject;
    std::optional<service_question> asked;
  };
  const row table[] = {
      {"$SRV.PING", ping},
      {"$SRV.STATS.ledgerd.0000000000000abc", stats},
      {"$SRV.INFO.ledgerd", info},
      {"$SRV.STATS.ledgerd.0000000000000abd", {}},
      {"$SRV.PING.other", {}},
      {"$SRV.SCHEMA.ledgerd", {}},
      {"$SRV.", {}},
      {"$SRV", {}},
      {"ledgerd.cluster.ask", {}},
      {"$SRV.PINGS.ledgerd", {}},
  };
  for (const auto& [subject, asked] : table)
    CAF_CHECK(read_service_question(subject, self.boot) == asked);
  CAF_CHECK(service_subjects()
            == (std::vector<std::string>{"$SRV.*", "$SRV.*.ledgerd", "$SRV.*.ledgerd.*"}));
}

CAF_TEST(the answers are those of the protocol) {
  auto endpoints = service_endpoints(false, true);
  CAF_REQUIRE_EQUAL(endpoints.size(), 2u);
  CAF_CHECK_EQUAL(service_endpoints(true, true).size(), 6u);
  endpoints[1].requests = 4;
  endpoints[1].errors = 1;
  endpoints[1].last_error = "404:NOT_FOUND";
  endpoints[1].processing_ns = 10;
  const auto common = json::parse(R"({"name": "ledgerd", "id": "0000000000000abc",
      "version": "1.2.3", "metadata": {"node": "a \"node\"", "roles": "ledger,account"}})");
  const auto asked = [&](service_question what) {
    return json::parse(encode_service(what, self, endpoints));
  };
  auto ping = common;
  ping["type"] = "io.nats.micro.v1.ping_response";
  CAF_CHECK_EQUAL(asked(service_question::ping), ping);
  const auto info = asked(service_question::info);
  CAF_CHECK_EQUAL(info.at("type"), "io.nats.micro.v1.info_response");
  CAF_CHECK_EQUAL(info.at("endpoints").at(0),
                  json::parse(R"({"name": "submit", "subject": "ledgerd.api.submit",
                                  "queue_group": "ledgerd"})"));
  const auto stats = asked(service_question::stats);
  CAF_CHECK_EQUAL(stats.at("started"), "1970-01-01T00:00:01.000000Z");
  CAF_CHECK_EQUAL(stats.at("endpoints").at(1), json::parse(R"({"name": "record",
      "subject": "ledgerd.api.record", "queue_group": "ledgerd", "num_requests": 4,
      "num_errors": 1, "last_error": "404:NOT_FOUND", "processing_time": 10,
      "average_processing_time": 2})"));
  CAF_CHECK_EQUAL(stats.at("endpoints").at(0).at("average_processing_time"), 0);
}
