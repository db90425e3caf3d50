// What `ledgerd check` says of certificates.

#include <nlohmann/json.hpp>

#include "app/verbs/certificate_findings.hpp"
#include "tests/app/verbs/verb_world.hpp"
#include "tests/support/certificates.hpp"

#define CAF_SUITE check_certificates
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using nlohmann::json;
using std::chrono::days;
using std::chrono::sys_seconds;

CAF_TEST(less than thirty days are a warning and what does not hold is a fault) {
  const sys_seconds today{std::chrono::seconds{1'800'000'000}};
  const std::chrono::seconds second{1};
  const struct {
    std::optional<certificate_validity> validity;
    std::size_t faults;
    std::size_t warnings;
  } rows[] = {
      {certificate_validity{today, today + days{30}}, 0, 0},
      {certificate_validity{today, today + days{30} - second}, 0, 1},
      {certificate_validity{today, today}, 0, 1},
      {certificate_validity{today - days{9}, today - second}, 1, 0},
      {certificate_validity{today + second, today + days{99}}, 1, 0},
      {std::nullopt, 1, 0},
  };
  for (const auto& [validity, faults, warnings] : rows) {
    const auto found = judge_certificates({{"nats", "/x.crt", validity}}, today);
    CAF_CHECK_EQUAL(found.faults.size(), faults);
    CAF_CHECK_EQUAL(found.warnings.size(), warnings);
    for (const auto& each : {found.faults, found.warnings})
      CAF_CHECK(each.empty() || each.front().starts_with("the certificate nats (/x.crt) "));
  }
}

CAF_TEST(check says until when each certificate holds) {
  const verb_world world{{.account = true}};
  const certificates papers;
  const auto check = [&](const std::string& name, const std::string& key, bool as_json = false) {
    std::vector<std::string> words{"check",
                                   "--http-listen",
                                   "127.0.0.1:9",
                                   "--http-tls-cert-file",
                                   papers.certificate(name),
                                   "--http-tls-key-file",
                                   papers.key(key)};
    if (as_json)
      words.emplace_back("--json");
    return world.run(std::move(words));
  };
  papers.make("long", "DNS:a", 90);
  papers.make("short", "DNS:a", 1);
  papers.make("ended", "DNS:a", -1);
  const auto good = check("long", "long");
  CAF_CHECK_EQUAL(std::make_pair(good.out, good.code), std::make_pair(good.out, 0));
  CAF_CHECK(contains(good.out, "certificates     ok\n"));
  CAF_CHECK(
      contains(good.out, "http             " + papers.certificate("long") + "  is valid until 20"));
  const auto soon = check("short", "short", true);
  CAF_CHECK_EQUAL(soon.code, 0);
  const auto told = json::parse(soon.out);
  CAF_CHECK_EQUAL(told.at("certificates").at(0).at("certificate"), "http");
  CAF_CHECK(told.at("certificates").at(0).at("notAfter").get<std::string>().ends_with("Z"));
  CAF_CHECK_EQUAL(told.at("parts").at(1).at("part"), "certificates");
  CAF_CHECK_EQUAL(told.at("parts").at(1).at("warnings").size(), 1u);
  const auto ended = check("ended", "ended");
  CAF_CHECK_EQUAL(ended.code, 1);
  CAF_CHECK(contains(ended.out, "certificates     FAULT  the certificate http ("
                                    + papers.certificate("ended") + ") expired on 20"));
  // The start would refuse it.
  const auto mixed = check("long", "short");
  CAF_CHECK_EQUAL(mixed.code, 1);
  CAF_CHECK(contains(mixed.out, "certificates     FAULT  http-tls-key-file "));
}
