// A PostgreSQL of this test binary's own, and a fresh, migrated database on it for each test.
#pragma once

#include <memory>
#include <string>

#include "persistence/postgres.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/private_servers.hpp"

namespace ledgerd::test {

// Started on first use, shared by all suites of the binary.
private_servers& postgres();

// Everything a ledger holds, read through the reader's snapshot.
memory_database::content content_of(const std::string& database_url);

// A URL with one more parameter, such as "options=-c%20synchronous_commit%3Doff".
std::string with_parameter(const std::string& database_url, const std::string& parameter);

// The same database as another role.
std::string with_user(const std::string& database_url, const std::string& user,
                      const std::string& password);

// The fixture of the store contract, see store_contract.hpp.
struct postgres_world {
  postgres_world();

  std::unique_ptr<ledger_store> store() { return make_postgres_store(url); }
  memory_database::content content() { return content_of(url); }
  void reject(record_id id);

  // Statements as the superuser, on this test's database.
  std::string sql(const std::string& statements) { return postgres().sql(url, statements); }

  std::string url;
};

} // namespace ledgerd::test
