#include "persistence/shadow_mark.hpp"

#include "domain/opening.hpp"
#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

namespace {

bool is_marked(database& session) {
  return !session.run("SELECT to_regclass('ledger.shadow')").is_null(0, 0);
}

bool any(database& session, const std::string& what) {
  return session.run("SELECT " + what + " LIMIT 1").size() > 0;
}

} // namespace

bool is_shadow_database(const std::string& database_url) {
  database session(any_server_connection_string(database_url));
  return is_marked(session);
}

std::string claim_for_shadow(const std::string& database_url) {
  database session(any_server_connection_string(database_url));
  if (is_marked(session))
    return {};
  const auto range = std::to_string(opening_id_first) + " AND " + std::to_string(opening_id_last);
  if (any(session, "FROM ledger.transactions WHERE record_id NOT BETWEEN " + range))
    return "the database holds what a daemon has decided; a shadow needs one of its own";
  if (any(session, "FROM pg_stat_activity WHERE datname = current_database() "
                   "AND application_name = 'ledgerd' AND pid <> pg_backend_pid()"))
    return "another ledgerd is connected to the database; a shadow needs one of its own";
  try {
    session.run("CREATE TABLE IF NOT EXISTS ledger.shadow "
                "(since timestamptz NOT NULL DEFAULT now()); "
                "COMMENT ON TABLE ledger.shadow IS 'The rows of this schema are a shadow''s: "
                "nobody was told of them.'");
  } catch (const database_error& error) {
    if (error.fault() != database_fault::refused)
      throw;
    return std::string("the database cannot be marked as a shadow's: ") + error.what()
           + "; let the owner of the schema start the shadow once";
  }
  return {};
}

} // namespace ledgerd
