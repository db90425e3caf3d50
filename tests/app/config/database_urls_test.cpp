#include "app/config/database_urls.hpp"

#include <fstream>

#include "app/config/config.hpp"

#define CAF_SUITE database_urls
#include "tests/app/temporary_file.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

config loaded(setting_list flags, setting_list environment = {}) {
  const auto result = load_config({std::move(flags), std::move(environment), ""});
  CAF_REQUIRE(result.faults.empty());
  return result.value;
}

void write(const temporary_file& file, const std::string& line) {
  std::ofstream{file.path()} << line << "\n";
}

} // namespace

CAF_TEST(a file is read again each time) {
  const temporary_file file{"postgresql://ann:one@h/d\n"};
  const auto settings = loaded({{"database-url-file", file.path()}});
  const auto ledger = ledger_database(settings);
  const auto account = account_database(settings);
  CAF_CHECK_EQUAL(ledger(), "postgresql://ann:one@h/d");
  write(file, "postgresql://ann:two@h/d");
  CAF_CHECK_EQUAL(ledger(), "postgresql://ann:two@h/d");
  CAF_CHECK_EQUAL(account(), "postgresql://ann:two@h/d");
}

CAF_TEST(each database has its own file) {
  const temporary_file one{"postgresql://ann:one@h/d\n"}, other{"postgresql://bob:one@h/d\n"};
  const auto settings =
      loaded({{"database-url-file", one.path()}, {"account-database-url-file", other.path()}});
  write(other, "postgresql://bob:two@h/d");
  CAF_CHECK_EQUAL(ledger_database(settings)(), "postgresql://ann:one@h/d");
  CAF_CHECK_EQUAL(account_database(settings)(), "postgresql://bob:two@h/d");
}

CAF_TEST(a url given elsewhere wins over a file of a weaker source) {
  const temporary_file file{"postgresql://ann:one@h/d\n"};
  const auto settings = loaded({{"database-url", "postgresql://h/flag"}},
                               {{"LEDGERD_DATABASE_URL_FILE", file.path()}});
  CAF_CHECK_EQUAL(ledger_database(settings)(), "postgresql://h/flag");
  CAF_CHECK_EQUAL(account_database(settings)(), "postgresql://h/flag");
}

CAF_TEST(a file at fault is told without its content) {
  const temporary_file file{"postgresql://ann:one@h/d\n"};
  const auto settings = loaded({{"database-url-file", file.path()}});
  write(file, "s3cr3t");
  for (const auto& source : {ledger_database(settings), account_database(settings)})
    try {
      source();
      CAF_FAIL("accepted");
    } catch (const std::runtime_error& error) {
      const std::string text{error.what()};
      CAF_CHECK(text.starts_with("database-url-file names a file whose first line must be a URL"));
      CAF_CHECK(text.find("s3cr3t") == std::string::npos);
    }
}

CAF_TEST(of two files the one at fault is named) {
  const temporary_file one{"postgresql://ann:one@h/d\n"}, other{"postgresql://bob:one@h/d\n"};
  const auto source = account_database(
      loaded({{"database-url-file", one.path()}, {"account-database-url-file", other.path()}}));
  write(other, "none");
  try {
    source();
    CAF_FAIL("accepted");
  } catch (const std::runtime_error& error) {
    CAF_CHECK(std::string{error.what()}.starts_with("account-database-url-file names"));
  }
}
