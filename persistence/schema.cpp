#include "persistence/schema.hpp"

#include <stdexcept>

#include "persistence/applied_migrations.hpp"
#include "persistence/connection_string.hpp"
#include "persistence/database.hpp"
#include "persistence/migrations.hpp"

namespace ledgerd {

namespace {

// A migration may take its time; a second process waits a minute for the first.
constexpr const char* migration_settings =
    "-c statement_timeout=0 -c lock_timeout=60s -c idle_in_transaction_session_timeout=0";

// Any number that nobody else locks. The lock ends with the session.
constexpr const char* take_lock = "SELECT pg_advisory_lock(5432188007261113)";

// CREATE SCHEMA wants a privilege on the database even where the schema exists already.
constexpr const char* create_schema = R"(DO $$
BEGIN
  IF to_regnamespace('ledger') IS NULL THEN
    CREATE SCHEMA ledger;
  END IF;
  IF to_regclass('ledger.schema_migrations') IS NULL THEN
    CREATE TABLE ledger.schema_migrations (
      version    integer PRIMARY KEY,
      name       text NOT NULL,
      checksum   text NOT NULL, -- SHA-256 of the file
      applied_at timestamptz NOT NULL DEFAULT now()
    );
  END IF;
END $$)";

int known_version() {
  return migrations().back().version;
}

void apply(database& session, const migration& step) {
  session.begin();
  session.run(std::string(step.sql));
  // Name and checksum are this program's own words, made of letters, digits and underscores.
  session.run("INSERT INTO ledger.schema_migrations (version, name, checksum) VALUES ("
              + std::to_string(step.version) + ", '" + std::string(step.name) + "', '"
              + std::string(step.checksum) + "')");
  session.commit();
}

} // namespace

std::vector<applied_migration> read_applied_migrations(database& session) {
  std::vector<applied_migration> result;
  if (session.run("SELECT to_regclass('ledger.schema_migrations')").is_null(0, 0))
    return result;
  const auto found =
      session.run("SELECT version, name, checksum FROM ledger.schema_migrations ORDER BY version");
  for (std::size_t row = 0; row < found.size(); ++row)
    result.push_back({static_cast<int>(found.integer(row, 0)), std::string(found.text(row, 1)),
                      std::string(found.text(row, 2))});
  return result;
}

std::string migration_fault(const std::vector<applied_migration>& applied) {
  for (std::size_t i = 0; i < applied.size(); ++i) {
    if (applied[i].version > known_version())
      return "the database's schema is newer than this program: it has " + applied[i].name
             + ", this program knows " + std::string(migrations().back().name);
    if (applied[i].version != static_cast<int>(i) + 1)
      return "the database lacks migration " + std::to_string(i + 1) + " but has "
             + applied[i].name;
    if (applied[i].checksum != migrations()[i].checksum)
      return "migration " + applied[i].name
             + " was applied with other content than this program has";
  }
  return {};
}

std::vector<std::string> migrate(const std::string& database_url) {
  database session(connection_string(database_url, migration_settings));
  // Whoever has nothing to apply needs no privilege to do so.
  auto applied = read_applied_migrations(session);
  std::vector<std::string> result;
  if (static_cast<int>(applied.size()) < known_version()) {
    session.run(take_lock);
    session.run(create_schema);
    applied = read_applied_migrations(session);
  }
  if (const auto fault = migration_fault(applied); !fault.empty())
    throw std::runtime_error(fault);
  for (auto i = applied.size(); i < migrations().size(); ++i) {
    apply(session, migrations()[i]);
    result.emplace_back(migrations()[i].name);
  }
  return result;
}

schema_state read_schema(const std::string& database_url) {
  database session(any_server_connection_string(database_url));
  const auto applied = read_applied_migrations(session);
  return {applied.empty() ? 0 : applied.back().version, known_version()};
}

} // namespace ledgerd
