#include "app/config/database_urls.hpp"

#include <stdexcept>
#include <string>

#include "app/config/options.hpp"

namespace ledgerd {

namespace {

// A URL that is at fault is told without repeating it.
url_source from(const std::string& file, const char* option, const std::string& url) {
  if (file.empty())
    return url;
  return url_source{[file, option = std::string{option}] {
    config fresh;
    if (const auto rule = find_option(option)->set(fresh, file); !rule.empty())
      throw std::runtime_error{option + " " + rule};
    return option.starts_with("account") ? fresh.account_database_url : fresh.database_url;
  }};
}

} // namespace

url_source ledger_database(const database_settings& settings) {
  return from(settings.database_url_file, "database-url-file", settings.database_url);
}

url_source account_database(const database_settings& settings) {
  // Where only one is given it serves both, and is the one to name.
  const auto& file = settings.account_database_url_file;
  return from(
      file, file == settings.database_url_file ? "database-url-file" : "account-database-url-file",
      settings.records_url());
}

} // namespace ledgerd
