#include "persistence/schema.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>

#include "persistence/postgres/applied_migrations.hpp"
#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/database.hpp"
#include "persistence/postgres/migrations.hpp"
#include "persistence/postgres/pooler_check.hpp"
#include "persistence/postgres/primary_first.hpp"
#include "persistence/postgres/schema_text.hpp"

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;

// A migration may take its time, once it has its locks.
constexpr const char* migration_settings =
    "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0";
constexpr auto migration_limit = std::chrono::hours(1);

// A second process waits so long for the first.
constexpr const char* wait_for_turn = "SET LOCAL lock_timeout = '60s'";

// Behind one that waits for a table all others wait, too: so it lets them through and tries again.
constexpr auto try_pause = std::chrono::seconds(2);
constexpr const char* wait_shortly = "SET LOCAL lock_timeout = '1s'";

// Any numbers that nobody else locks. The lock ends with the transaction: one of the session would
// stay behind on a server process that a pooler hands on.
constexpr const char* take_lock(schema which) noexcept {
  return which == schema::ledger ? "SELECT pg_advisory_xact_lock(5432188007261113)"
                                 : "SELECT pg_advisory_xact_lock(5432188007261114)";
}

std::string migrations_table(schema which) {
  return std::string(to_text(which)) + ".schema_migrations";
}

// CREATE SCHEMA wants a privilege on the database even where the schema exists already.
std::string create_schema(schema which) {
  const auto name = schema_identifier(which);
  return "DO $$ BEGIN IF to_regnamespace('" + name + "') IS NULL THEN CREATE SCHEMA " + name
         + "; END IF; CREATE TABLE IF NOT EXISTS " + migrations_table(which)
         + " (version integer PRIMARY KEY, name text NOT NULL, "
           "checksum text NOT NULL, " // SHA-256 of the file
           "applied_at timestamptz NOT NULL DEFAULT now()); END $$";
}

int known_version(schema which) {
  return migrations(which).back().version;
}

void write_down(database& session, schema which, const migration& step) {
  // Name and checksum are this program's own words, made of letters, digits and underscores.
  session.run("INSERT INTO " + migrations_table(which) + " (version, name, checksum) VALUES ("
              + std::to_string(step.version) + ", '" + std::string(step.name) + "', '"
              + std::string(step.checksum) + "')");
}

void refuse_fault(const std::vector<applied_migration>& applied, schema which) {
  if (const auto fault = migration_fault(applied, which); !fault.empty())
    throw std::runtime_error(fault);
}

// Others have the tables in use, for longer than a migration waits.
class tables_in_use : public database_error {
public:
  tables_in_use(std::string_view step, std::string_view why)
      : database_error(database_fault::blocked,
                       "migration " + std::string(step)
                           + " needs tables that another session has in use, such as a dump or a "
                             "long query: "
                           + std::string(why)) {}
};

// Applies the next migration that is missing, in a transaction of its own; null: none is.
const migration* apply_next(database& session, schema which) {
  session.begin();
  session.run(wait_for_turn);
  session.run(take_lock(which));
  session.run(wait_shortly);
  session.run(create_schema(which));
  const auto applied = read_applied_migrations(session, which);
  refuse_fault(applied, which);
  if (applied.size() == migrations(which).size()) {
    session.rollback();
    return nullptr;
  }
  const auto& step = migrations(which)[applied.size()];
  try {
    session.run(std::string(step.sql));
  } catch (const database_error& error) {
    if (std::string_view(error.what()).find("[SQLSTATE 55P03]") == std::string_view::npos)
      throw;
    throw tables_in_use(step.name, error.what());
  }
  write_down(session, which, step);
  session.commit();
  return &step;
}

// The same, tried until then while others have the tables in use.
const migration* apply_next_until(database& session, schema which, clock::time_point end) {
  for (;;)
    try {
      return apply_next(session, which);
    } catch (const tables_in_use& error) {
      session.rollback();
      if (clock::now() + try_pause > end)
        throw;
      tell_database_listener(std::string(error.what()) + "; trying again");
      std::this_thread::sleep_for(try_pause);
    }
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

std::vector<std::string> migrate(const std::string& database_url, schema which,
                                 std::chrono::milliseconds patience) {
  if (const auto fault = pooler_fault(database_url); !fault.empty())
    throw database_error(database_fault::refused, fault);
  database session(connection_string(database_url, migration_settings));
  session.limit_calls(migration_limit);
  // Whoever has nothing to apply needs no privilege to do so.
  const auto applied = read_applied_migrations(session, which);
  refuse_fault(applied, which);
  std::vector<std::string> result;
  if (applied.size() < migrations(which).size())
    while (const auto* step = apply_next_until(session, which, clock::now() + patience))
      result.emplace_back(step->name);
  return result;
}

schema_state read_schema(const std::string& database_url, schema which) {
  const auto session = primary_first(database_url);
  const auto applied = read_applied_migrations(*session, which);
  return {applied.empty() ? 0 : applied.back().version, known_version(which)};
}

} // namespace ledgerd
