// The database side of the one-by-one design, as lean as it can be: one transaction and five plain
// prepared statements for a message, on two tables of its own.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "domain/entry.hpp"

struct pg_conn;
struct pg_result;

namespace ledgerd {

// One session. Belongs to one thread. Throws std::runtime_error whenever the server does.
class lean_ledger {
public:
  explicit lean_ledger(const std::string& database_url);

  // Makes the tables anew, in the schema `one_by_one`.
  static void make_tables(const std::string& database_url);

  // How many messages have been applied or refused since the tables were made.
  static std::int64_t rows(const std::string& database_url);

  // Known? Account (opened if need be), locked; decide; write the row; move the balance. A known
  // record id is answered from its row.
  posting apply(const entry& asked);

private:
  struct closer {
    void operator()(pg_conn* connection) const noexcept;
    void operator()(pg_result* result) const noexcept;
  };
  using result = std::unique_ptr<pg_result, closer>;

  result run(const char* statement);
  result run_prepared(const char* name, std::initializer_list<std::string> values);
  result checked(pg_result* raw) const;

  std::unique_ptr<pg_conn, closer> connection_;
  bool prepared_ = false;
};

} // namespace ledgerd
