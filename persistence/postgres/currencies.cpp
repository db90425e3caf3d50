#include "persistence/currencies.hpp"

#include <stdexcept>

#include "persistence/postgres/applied_migrations.hpp"
#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/currency_rows.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

namespace {

rows insert(database& session, const std::string& code, int exponent) try {
  session.begin();
  auto inserted =
      session.run("INSERT INTO ledger.currencies (code, exponent) VALUES ('" + code + "', "
                  + std::to_string(exponent) + ") ON CONFLICT (code) DO NOTHING");
  session.commit();
  return inserted;
} catch (const database_error& error) {
  if (!error.denied())
    throw;
  throw std::runtime_error("whoever adds a currency must be allowed to insert into its table: "
                           + std::string(error.what()));
}

} // namespace

currency_addition add_currency(const std::string& ledger_database_url, const currency& wanted) {
  // Three capital letters and a number: nothing that could be mistaken for SQL.
  const std::string code(wanted.code.text());
  database session(connection_string(ledger_database_url));
  const auto applied = read_applied_migrations(session, schema::ledger);
  if (const auto fault = migration_fault(applied, schema::ledger); !fault.empty())
    throw std::runtime_error(fault);
  const auto inserted = insert(session, code, wanted.exponent);
  // A statement of its own sees what another session has committed meanwhile.
  const auto held = read_currency_rows(
      session.run("SELECT code, exponent FROM ledger.currencies WHERE code = '" + code + "'"),
      "ledger.currencies");
  return {inserted.affected() == 1, held.at(0).exponent};
}

} // namespace ledgerd
