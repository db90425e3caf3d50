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

// Any numbers that nobody else locks. The lock ends with the session.
constexpr const char* take_lock(schema which) noexcept {
  return which == schema::ledger ? "SELECT pg_advisory_lock(5432188007261113)"
                                 : "SELECT pg_advisory_lock(5432188007261114)";
}

std::string migrations_table(schema which) {
  return std::string(to_text(which)) + ".schema_migrations";
}

// CREATE SCHEMA wants a privilege on the database even where the schema exists already.
std::string create_schema(schema which) {
  const std::string name(to_text(which));
  return "DO $$ BEGIN IF to_regnamespace('" + name + "') IS NULL THEN CREATE SCHEMA " + name
         + "; END IF; CREATE TABLE IF NOT EXISTS " + migrations_table(which)
         + " (version integer PRIMARY KEY, name text NOT NULL, "
           "checksum text NOT NULL, " // SHA-256 of the file
           "applied_at timestamptz NOT NULL DEFAULT now()); END $$";
}

int known_version(schema which) {
  return migrations(which).back().version;
}

void apply(database& session, schema which, const migration& step) {
  session.begin();
  session.run(std::string(step.sql));
  // Name and checksum are this program's own words, made of letters, digits and underscores.
  session.run("INSERT INTO " + migrations_table(which) + " (version, name, checksum) VALUES ("
              + std::to_string(step.version) + ", '" + std::string(step.name) + "', '"
              + std::string(step.checksum) + "')");
  session.commit();
}

} // namespace

std::vector<applied_migration> read_applied_migrations(database& session, schema which) {
  std::vector<applied_migration> result;
  if (session.run("SELECT to_regclass('" + migrations_table(which) + "')").is_null(0, 0))
    return result;
  const auto found = session.run("SELECT version, name, checksum FROM " + migrations_table(which)
                                 + " ORDER BY version");
  for (std::size_t row = 0; row < found.size(); ++row)
    result.push_back({static_cast<int>(found.integer(row, 0)), std::string(found.text(row, 1)),
                      std::string(found.text(row, 2))});
  return result;
}

std::string migration_fault(const std::vector<applied_migration>& applied, schema which) {
  for (std::size_t i = 0; i < applied.size(); ++i) {
    if (applied[i].version > known_version(which))
      return "the database's schema is newer than this program: it has " + applied[i].name
             + ", this program knows " + std::string(migrations(which).back().name);
    if (applied[i].version != static_cast<int>(i) + 1)
      return "the database lacks migration " + std::to_string(i + 1) + " but has "
             + applied[i].name;
    if (applied[i].checksum != migrations(which)[i].checksum)
      return "migration " + applied[i].name
             + " was applied with other content than this program has";
  }
  return {};
}

std::vector<std::string> migrate(const std::string& database_url, schema which) {
  database session(connection_string(database_url, migration_settings));
  // Whoever has nothing to apply needs no privilege to do so.
  auto applied = read_applied_migrations(session, which);
  std::vector<std::string> result;
  if (static_cast<int>(applied.size()) < known_version(which)) {
    session.run(take_lock(which));
    session.run(create_schema(which));
    applied = read_applied_migrations(session, which);
  }
  if (const auto fault = migration_fault(applied, which); !fault.empty())
    throw std::runtime_error(fault);
  for (auto i = applied.size(); i < migrations(which).size(); ++i) {
    apply(session, which, migrations(which)[i]);
    result.emplace_back(migrations(which)[i].name);
  }
  return result;
}

schema_state read_schema(const std::string& database_url, schema which) {
  database session(any_server_connection_string(database_url));
  const auto applied = read_applied_migrations(session, which);
  return {applied.empty() ? 0 : applied.back().version, known_version(which)};
}

} // namespace ledgerd
