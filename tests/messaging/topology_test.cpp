#include "messaging/topology.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <variant>

#include "messaging/submission_codec.hpp"

#define CAF_SUITE topology
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

const auto won = *currency_code::parse("KRW");
const currency_table currencies({{won, 0}});

std::string payload_of(const movement_route& route) {
  return R"({"recordId":7,"userId":"ann","amount":1,"currency":"KRW","type":")"
         + std::string(to_text(route.type)) + R"("})";
}

} // namespace

CAF_TEST(every movement has names of its own) {
  std::set<std::string_view> names;
  for (const auto& route : movement_routes)
    for (const auto name : {route.request, route.consumer, route.result, route.dead_letter})
      CAF_CHECK(!name.empty() && names.insert(name).second);
  std::set<std::string_view> consumers;
  for (const auto& each : durable_consumers)
    CAF_CHECK(!each.name.empty() && consumers.insert(each.name).second);
}

CAF_TEST(the names are those of the contract) {
  CAF_CHECK_EQUAL(route_of(movement::deposit).request, "transaction.deposit");
  CAF_CHECK_EQUAL(route_of(movement::withdrawal).request, "transaction.withdrawal");
  for (const auto& route : movement_routes) {
    const auto token = std::string(route.token());
    CAF_CHECK_EQUAL(route.request, "transaction." + token);
    CAF_CHECK_EQUAL(route.consumer, token + "-consumer");
    CAF_CHECK_EQUAL(route.result, "transaction.result." + token);
    CAF_CHECK_EQUAL(route.dead_letter, std::string(names::dead_letter_prefix) + token);
  }
}

CAF_TEST(the wire format asks the table) {
  for (const auto& route : movement_routes) {
    const auto decoded = decode_entry(route.request, payload_of(route), currencies, {});
    CAF_REQUIRE(std::holds_alternative<entry>(decoded));
    CAF_CHECK(std::get<entry>(decoded).type == route.type);
    CAF_CHECK(parse_movement(to_text(route.type)) == route.type);

    transaction_record record;
    record.asked = {{"ann", won}, route.type, {}};
    CAF_CHECK_EQUAL(make_request(0, record, 0, 0).subject, route.request);

    posting stored;
    stored.account = {"ann", won};
    stored.type = route.type;
    delivery source{.subject = std::string(route.request)};
    CAF_CHECK_EQUAL(make_result(0, stored, 0, source).subject, route.result);
    CAF_CHECK_EQUAL(make_dead_letter(0, std::move(source), {}, "node", 1 << 20).subject,
                    route.dead_letter);
  }
}

CAF_TEST(every movement has a consumer that the ledger reads) {
  for (const auto& route : movement_routes) {
    const auto found = std::find_if(durable_consumers.begin(), durable_consumers.end(),
                                    [&](const auto& each) { return each.name == route.consumer; });
    CAF_REQUIRE(found != durable_consumers.end());
    CAF_CHECK_EQUAL(found->stream, names::request_stream);
    CAF_CHECK_EQUAL(found->filter, route.request);
    CAF_CHECK(found->is_read(true, false) && !found->is_read(false, true));
  }
  const auto of_ledger = std::count_if(durable_consumers.begin(), durable_consumers.end(),
                                       [](const auto& each) { return each.is_read(true, false); });
  CAF_CHECK_EQUAL(static_cast<std::size_t>(of_ledger), movement_routes.size());
}

CAF_TEST(callers are told what they may choose from) {
  CAF_CHECK_EQUAL(movement_choice([](const auto& route) { return to_text(route.type); }),
                  "DEPOSIT or WITHDRAWAL");
}
