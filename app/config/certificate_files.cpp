#include "app/config/certificate_files.hpp"

#include <exception>

#include "app/config/database_urls.hpp"
#include "persistence/link_check.hpp"

namespace ledgerd {

namespace {

void add(std::string_view name, const std::string& file, certificate_use use,
         std::vector<used_certificate>& to) {
  if (!file.empty())
    to.push_back({std::string{name}, file, read_validity(file, use)});
}

void add_database(const std::string& name, const url_source& url,
                  std::vector<used_certificate>& to) {
  try {
    const auto [shown, authorities] = certificate_files(url());
    add(name, shown, certificate_use::chain, to);
    add(name + "_ca", authorities, certificate_use::authorities, to);
  } catch (const std::exception&) {
    // Whoever connects with that URL says what is wrong with it.
  }
}

} // namespace

std::vector<used_certificate> read_certificates(const config& settings) {
  std::vector<used_certificate> all;
  if (settings.http_listen)
    add(http_certificate_name, settings.http_tls_cert_file, certificate_use::chain, all);
  add("nats", settings.nats_cert_file, certificate_use::chain, all);
  add("nats_ca", settings.nats_ca_file, certificate_use::authorities, all);
  const bool ledger = settings.has_role(role::ledger) && !settings.database_url.empty();
  if (ledger)
    add_database("database", ledger_database(settings), all);
  if (settings.has_role(role::account) && !settings.records_url().empty()
      && !(ledger && settings.records_url() == settings.database_url))
    add_database("account_database", account_database(settings), all);
  return all;
}

} // namespace ledgerd
