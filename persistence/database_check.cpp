#include "persistence/applied_migrations.hpp"
#include "persistence/connection_string.hpp"
#include "persistence/database.hpp"
#include "persistence/migrations.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

namespace {

// Each row: whether all is well, and the sentence for when it is not.
constexpr const char* server_findings = R"(
SELECT sentence FROM (VALUES
  (current_setting('server_version_num')::integer >= 140000,
   'the server is PostgreSQL ' || current_setting('server_version') || ', at least 14 is needed'),
  (current_setting('server_encoding') = 'UTF8',
   'the database is encoded in ' || current_setting('server_encoding') || ', not UTF8'),
  (current_setting('fsync')::boolean,
   'fsync is off: a crash of the machine can destroy the database'),
  (current_setting('full_page_writes')::boolean,
   'full_page_writes is off: a crash of the machine can destroy the database'),
  (current_setting('synchronous_commit') <> 'off',
   'synchronous_commit is off: a crash can lose movements whose messages were acknowledged'),
  (NOT pg_is_in_recovery(),
   'the server is in recovery: a standby cannot be written to'),
  (pg_is_in_recovery() OR NOT current_setting('transaction_read_only')::boolean,
   'the database is read-only')
) AS finding (holds, sentence) WHERE NOT holds)";

constexpr const char* schema_privilege = R"(
SELECT current_user || ' lacks the privilege USAGE on schema ledger'
WHERE NOT has_schema_privilege('ledger', 'USAGE'))";

// By table number, so that it needs no USAGE on the schema. The balance stands for the columns that
// are updated: a role may have UPDATE on these alone.
constexpr const char* table_privileges = R"(
SELECT current_user || ' lacks the privilege ' || privilege || ' on ledger.' || relname
FROM (VALUES
  ('currencies', 'SELECT'),
  ('accounts', 'SELECT'), ('accounts', 'INSERT'), ('accounts', 'UPDATE'),
  ('transactions', 'SELECT'), ('transactions', 'INSERT')
) AS needed (name, privilege)
JOIN pg_class ON relname = name AND relnamespace = to_regnamespace('ledger')
WHERE NOT CASE privilege
  WHEN 'UPDATE' THEN has_column_privilege(pg_class.oid, 'balance', privilege)
  ELSE has_table_privilege(pg_class.oid, privilege)
END)";

void add_sentences(database& session, const char* query, std::vector<std::string>& sentences) {
  const auto found = session.run(query);
  for (std::size_t row = 0; row < found.size(); ++row)
    sentences.emplace_back(found.text(row, 0));
}

void add_schema_findings(database& session, std::vector<std::string>& sentences) {
  const auto applied = read_applied_migrations(session);
  if (auto fault = migration_fault(applied); !fault.empty())
    sentences.push_back(std::move(fault));
  else if (applied.empty())
    sentences.emplace_back("the database has no ledger schema: run the migrations");
  else if (applied.size() < migrations().size())
    sentences.push_back("the database's schema is older than this program: it lacks "
                        + std::string(migrations()[applied.size()].name) + ": run the migrations");
}

} // namespace

std::vector<std::string> check_database(const std::string& database_url) {
  database session(any_server_connection_string(database_url));
  std::vector<std::string> sentences;
  add_sentences(session, server_findings, sentences);
  if (session.run("SELECT to_regnamespace('ledger')").is_null(0, 0)) {
    sentences.emplace_back("the database has no ledger schema: run the migrations");
    return sentences;
  }
  const auto found = sentences.size();
  add_sentences(session, schema_privilege, sentences);
  add_sentences(session, table_privileges, sentences);
  if (found == sentences.size())
    add_schema_findings(session, sentences);
  return sentences;
}

} // namespace ledgerd
