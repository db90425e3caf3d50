#include "persistence/currencies.hpp"

#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/currency_rows.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

currency_addition add_currency(const std::string& ledger_database_url, const currency& wanted) {
  // Three capital letters and a number: nothing that could be mistaken for SQL.
  const std::string code(wanted.code.text());
  database session(connection_string(ledger_database_url));
  const auto inserted =
      session.run("INSERT INTO ledger.currencies (code, exponent) VALUES ('" + code + "', "
                  + std::to_string(wanted.exponent) + ") ON CONFLICT (code) DO NOTHING");
  // A statement of its own sees what another session has committed meanwhile.
  const auto held = read_currency_rows(
      session.run("SELECT code, exponent FROM ledger.currencies WHERE code = '" + code + "'"),
      "ledger.currencies");
  return {inserted.affected() == 1, held.at(0).exponent};
}

} // namespace ledgerd
