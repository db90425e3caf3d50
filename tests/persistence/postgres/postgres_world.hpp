// A PostgreSQL of this test binary's own, and a fresh, migrated database on it for each test.
#pragma once

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "persistence/postgres.hpp"
#include "persistence/record_store.hpp"
#include "tests/support/memory_record_store.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/private_servers.hpp"

namespace ledgerd::test {

// Started on first use, shared by all suites of the binary.
private_servers& postgres();

// Everything a ledger holds, read through the reader's snapshot.
memory_database::content content_of(const std::string& database_url);

// The content of a file of this source tree.
std::string source_file(const std::string& path);

// A URL with one more parameter, such as "options=-c%20synchronous_commit%3Doff".
std::string with_parameter(const std::string& database_url, const std::string& parameter);

// The same database as another role.
std::string with_user(const std::string& database_url, const std::string& user,
                      const std::string& password);

// A stranger's transaction, in psql as the superuser, in which these statements were run and their
// locks are held until `end` or the end of the object rolls it back. One at a time in a database:
// it is known by the query `... AS stranger`. Throws std::runtime_error where it cannot begin.
class stranger {
public:
  stranger(const std::string& database_url, const std::string& statements);
  ~stranger();

  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;

  void end() noexcept;

private:
  std::FILE* psql_;
};

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

// The fixture of the record contract, see record_contract.hpp: a database without the ledger.
struct postgres_record_world {
  postgres_record_world();

  std::unique_ptr<record_store> store() { return make_postgres_record_store(url); }
  memory_record_database::content content();
  void pass(std::chrono::milliseconds time);

  // Statements as the superuser, on this test's database.
  std::string sql(const std::string& statements) { return postgres().sql(url, statements); }

  // Whether they are refused.
  bool refuses(const std::string& statements);

  // Whether the server says so within ten seconds.
  bool becomes(const std::string& query, const std::string& answer);

  std::string url;
};

} // namespace ledgerd::test
