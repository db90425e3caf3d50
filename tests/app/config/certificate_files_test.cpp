#include "app/config/certificate_files.hpp"

#include <map>

#include "tests/support/certificates.hpp"

#define CAF_SUITE certificate_files
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

const certificates& papers() {
  static const certificates instance;
  return instance;
}

std::map<std::string, std::string> named(const config& settings) {
  std::map<std::string, std::string> result;
  for (const auto& each : read_certificates(settings)) {
    CAF_CHECK(each.validity.has_value());
    result.emplace(each.name, each.file);
  }
  return result;
}

} // namespace

CAF_TEST(the certificates of the links that are made are known) {
  using files = std::map<std::string, std::string>;
  papers().make("one", "DNS:one");
  const auto one = papers().certificate("one"), ca = papers().authority();
  config settings;
  CAF_CHECK(named(settings).empty());
  settings.http_tls_cert_file = one;
  settings.nats_cert_file = one;
  settings.nats_ca_file = ca;
  settings.database_url = "postgresql://u@h/d?sslcert=" + one + "&sslrootcert=" + ca;
  CAF_CHECK(
      named(settings)
      == (files{
          {"http", one}, {"nats", one}, {"nats_ca", ca}, {"database", one}, {"database_ca", ca}}));
  settings.http_listen.reset();
  settings.nats_cert_file.clear();
  settings.nats_ca_file.clear();
  settings.account_database_url = "host=h sslrootcert=" + ca;
  CAF_CHECK(named(settings)
            == (files{{"database", one}, {"database_ca", ca}, {"account_database_ca", ca}}));
  settings.roles = {role::account};
  CAF_CHECK(named(settings) == (files{{"account_database_ca", ca}}));
  // What libpq does without, it does without; what it does not know is not told with its secret.
  settings.account_database_url = "host=h sslcert=/none sslrootcert=/none sslkey=/none";
  CAF_CHECK(named(settings).empty());
  settings.account_database_url = "host=h sslmode=disable sslrootcert=" + ca;
  CAF_CHECK(named(settings).empty());
  settings.account_database_url = "postgresql://u:s3cr3t@h/d?nosuch=1";
  CAF_CHECK(named(settings).empty());
}
