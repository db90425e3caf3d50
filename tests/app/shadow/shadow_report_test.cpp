// What a report says of nothing; what it finds in a shadow's rows stands in tests/e2e/shadow.mjs.
#include "app/shadow/shadow_report.hpp"

#include "tests/app/daemon/deposit_ledger.hpp"

#define CAF_SUITE shadow_report
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

const currency_table currencies({{*currency_code::parse("KRW"), 0}});

// A ledger of one row, and what the present service has published.
struct shadow {
  fake_broker nats;
  deposit_ledger ledger{nats, 1, now_us() - 3'600'000'000};

  void publish(std::string payload) {
    nats.store({.subject = "transaction.result.deposit", .payload = std::move(payload)});
  }

  void agree() { publish(encode_result(ledger.row(1), 0)); }

  shadow_report report() { return compare_all(ledger, nats, {}); }
};

bool says(const shadow_report& report, std::string_view sentence) {
  return report_table(report, currencies).find("\n" + std::string(sentence) + "\n")
         != std::string::npos;
}

} // namespace

CAF_TEST(results that all agree with their rows speak for the shadow) {
  shadow of;
  of.agree();
  const auto report = of.report();
  CAF_CHECK_EQUAL(report.agreed, 1u);
  CAF_CHECK(report.agrees());
  CAF_CHECK(says(report, "nothing differs"));
}

CAF_TEST(where nothing was compared nothing agrees) {
  shadow empty, unreadable;
  unreadable.publish("{}");
  for (auto* each : {&empty, &unreadable}) {
    const auto report = each->report();
    CAF_CHECK(!report.agrees());
    CAF_CHECK(says(report, "nothing was compared"));
    CAF_CHECK(!says(report, "nothing differs"));
  }
}

CAF_TEST(results of which all lack a row are listed and nothing was compared) {
  shadow of;
  of.publish(R"({"recordId":404})");
  const auto report = of.report();
  CAF_CHECK(!report.agrees());
  CAF_CHECK(says(report, "nothing was compared"));
  CAF_CHECK(report_table(report, currencies).find("404") != std::string::npos);
}

CAF_TEST(results that name no record keep a report from agreeing) {
  shadow of;
  of.agree();
  of.publish("{}");
  const auto report = of.report();
  CAF_CHECK(!report.agrees());
  CAF_CHECK(says(report, "1 results name no record"));
  CAF_CHECK(says(report, "nothing differs in the others"));
}
