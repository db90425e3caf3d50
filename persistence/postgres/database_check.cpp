#include "domain/ownership.hpp"
#include "persistence/postgres/applied_migrations.hpp"
#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/database.hpp"
#include "persistence/postgres/identity_query.hpp"
#include "persistence/postgres/migrations.hpp"
#include "persistence/postgres/pooler_check.hpp"
#include "persistence/postgres/primary_first.hpp"
#include "persistence/postgres/schema_text.hpp"
#include "persistence/postgres/standing_faults.hpp"
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

constexpr const char* warnings = R"(
SELECT 'max_wal_size is ' || current_setting('max_wal_size')
  || ': under load checkpoints follow each other and hold commits up; set 4GB or more'
FROM pg_settings WHERE name = 'max_wal_size' AND setting::bigint < 4096
UNION ALL
SELECT current_user || ' may not execute pg_control_system(): nodes of another ledger database on '
  'the broker would be taken for nodes of this one, and another database behind the same address '
  'for this one'
WHERE NOT has_function_privilege('pg_control_system()', 'EXECUTE'))";

// Of the whole server, for one database that is behind stops them all; and who keeps VACUUM from
// going on.
constexpr const char* old_ids = R"(
WITH oldest AS (
  SELECT DISTINCT ON (kind) kind, datname, age FROM (
    SELECT 'transaction' AS kind, datname, age(datfrozenxid) AS age FROM pg_database UNION ALL
    SELECT 'multixact', datname, mxid_age(datminmxid) FROM pg_database) AS each
  WHERE age > 1000000000 ORDER BY kind, age DESC
), holder AS (
  SELECT name, age FROM (
    SELECT 'prepared transaction ' || gid AS name, age(transaction) AS age FROM pg_prepared_xacts
    UNION ALL
    SELECT 'replication slot ' || slot_name, greatest(age(xmin), age(catalog_xmin))
    FROM pg_replication_slots
    UNION ALL
    SELECT 'session ' || pid, greatest(age(backend_xid), age(backend_xmin)) FROM pg_stat_activity
  ) AS each WHERE age > 100000000 ORDER BY age DESC LIMIT 1
)
SELECT 'the oldest ' || kind || ' id of the database ' || datname || ' is ' || oldest.age
  || ' ids old: at 2144483647 the server takes no writes any more; VACUUM FREEZE is behind'
  || coalesce((SELECT ', held back by the ' || name || ', which is ' || age || ' ids old'
               FROM holder), '')
FROM oldest ORDER BY kind DESC)";

constexpr const char* unreplicated_commits = R"(
SELECT 'synchronous_commit is local, but synchronous_standby_names is '
  || current_setting('synchronous_standby_names')
  || ': a commit waits for no standby, and one that takes over can lack movements whose messages were '
  'acknowledged; take the setting back, of the role, the database or the server'
WHERE current_setting('synchronous_commit') = 'local'
  AND current_setting('synchronous_standby_names') <> '')";

constexpr const char* schema_privilege = R"(
SELECT current_user || ' lacks the privilege USAGE on schema ' || nspname
FROM pg_namespace WHERE nspname = $name AND NOT has_schema_privilege(oid, 'USAGE'))";

// By table number, so that it needs no USAGE on the schema. One column stands for all that are
// updated: a role may have UPDATE on these alone.
constexpr const char* table_privileges = R"(
SELECT current_user || ' lacks the privilege ' || privilege || ' on ' || $name || '.' || relname
FROM (VALUES
  ('ledger', 'currencies', 'SELECT', NULL),
  ('ledger', 'accounts', 'SELECT', NULL), ('ledger', 'accounts', 'INSERT', NULL),
  ('ledger', 'accounts', 'UPDATE', 'balance'),
  ('ledger', 'transactions', 'SELECT', NULL), ('ledger', 'transactions', 'INSERT', NULL),
  ('account', 'transaction_records', 'SELECT', NULL),
  ('account', 'transaction_records', 'INSERT', NULL),
  ('account', 'transaction_records', 'UPDATE', 'status'),
  ('account', 'transaction_records_id_seq', 'SELECT', NULL),
  ('account', 'transaction_records_id_seq', 'UPDATE', NULL),
  ('account', 'currencies', 'SELECT', NULL), ('account', 'currencies', 'INSERT', NULL)
) AS needed (schema, name, privilege, updated)
JOIN pg_class ON relname = name AND relnamespace = to_regnamespace($quoted)
WHERE schema = $which AND NOT CASE privilege
  WHEN 'UPDATE' THEN CASE WHEN updated IS NULL
    THEN has_sequence_privilege(pg_class.oid, privilege)
    ELSE has_column_privilege(pg_class.oid, updated, privilege) END
  ELSE has_table_privilege(pg_class.oid, privilege)
END)";

// In the order in which they can be repaired: no table may refer to one that a crash empties.
constexpr const char* unlogged_tables = R"(
SELECT $name || '.' || relname || ' is UNLOGGED: a crash of the server would empty it; ALTER TABLE '
  || c.oid::regclass || ' SET LOGGED'
FROM (VALUES
  ('ledger', 'currencies', 1), ('ledger', 'accounts', 2), ('ledger', 'transactions', 3),
  ('ledger', 'schema_migrations', 4),
  ('account', 'transaction_records', 1), ('account', 'currencies', 2),
  ('account', 'schema_migrations', 3)
) AS needed (schema, name, place)
JOIN pg_class AS c ON relname = name AND relnamespace = to_regnamespace($quoted)
WHERE schema = $which AND relpersistence <> 'p' ORDER BY place)";

// What the ledger's guarantees rest on, whatever it is called. A lookup through an index that is
// not valid, or that covers a part of the rows, misses some.
constexpr const char* unique_indexes = R"(
SELECT $name || '.' || relname || ' has no valid unique index on ' || columns
  || ': a request could be posted twice'
FROM (VALUES
  ('ledger', 'accounts', 'user_id,currency'),
  ('ledger', 'transactions', 'id'),
  ('ledger', 'transactions', 'record_id'),
  ('ledger', 'transactions', 'user_id,currency,seq'),
  ('account', 'transaction_records', 'id'),
  ('account', 'transaction_records', 'idempotency_key')
) AS needed (schema, name, columns)
JOIN pg_class AS c ON relname = name AND relnamespace = to_regnamespace($quoted)
WHERE schema = $which AND NOT EXISTS (
  SELECT FROM pg_index WHERE indrelid = c.oid AND indisunique AND indisvalid AND indimmediate
    AND indpred IS NULL AND indexprs IS NULL
    AND columns = (SELECT string_agg(attname, ',' ORDER BY at) FROM
      unnest(indkey) WITH ORDINALITY AS k (attribute, at)
      JOIN pg_attribute ON attrelid = c.oid AND attnum = attribute WHERE at <= indnkeyatts)))";

constexpr const char* triggers = R"(
SELECT 'the trigger ' || trigger || ' of ' || $name || '.' || relname
  || ' is missing or disabled: what was decided could be changed'
FROM (VALUES
  ('ledger', 'transactions', 'append_only'), ('ledger', 'currencies', 'keep_currencies'),
  ('account', 'transaction_records', 'keep_verdict'),
  ('account', 'transaction_records', 'keep_records')
) AS needed (schema, name, trigger)
JOIN pg_class AS c ON relname = name AND relnamespace = to_regnamespace($quoted)
WHERE schema = $which AND NOT EXISTS (
  SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = trigger AND tgenabled IN ('O', 'A')))";

// The counting is read after the picture of the table was taken, so what is posted meanwhile is no
// finding. A role that may not read it is told nothing.
constexpr const char* ids_behind = R"(
SELECT FROM (SELECT pg_get_serial_sequence('ledger.transactions', 'id')::regclass AS ids) AS s
WHERE has_sequence_privilege(ids, 'SELECT') AND coalesce(pg_sequence_last_value(ids), 0)
  < (SELECT coalesce(max(id), 0) FROM ledger.transactions))";

// `query` with literals: the schema's name for $name, the same as an identifier for $quoted, and
// which schema it is for $which.
std::string about(schema which, std::string query) {
  const auto put = [&](std::string_view mark, const std::string& text) {
    for (auto at = query.find(mark); at != std::string::npos; at = query.find(mark))
      query.replace(at, mark.size(), "'" + text + "'");
  };
  put("$name", schema_name(which));
  put("$quoted", schema_identifier(which));
  put("$which", std::string(to_text(which)));
  return query;
}

std::string no_schema(schema which) {
  return "the database has no " + schema_name(which) + " schema: run the migrations";
}

void add_sentences(database& session, const std::string& query,
                   std::vector<std::string>& sentences) {
  const auto found = session.run(query);
  for (std::size_t row = 0; row < found.size(); ++row)
    sentences.emplace_back(found.text(row, 0));
}

// Empty: none is missing.
std::string missing_migration(const std::vector<applied_migration>& applied, schema which) {
  if (applied.empty())
    return no_schema(which);
  if (applied.size() >= migrations(which).size())
    return {};
  return "the database's schema is older than this program: it lacks "
         + std::string(migrations(which)[applied.size()].name) + ": run the migrations";
}

// Another version's schema may rest on other indexes and triggers, and on no other tables. One
// question, for nodes ask it while they run.
void add_guarantee_findings(database& session, schema which, bool is_ours,
                            std::vector<std::string>& sentences) {
  auto query = "SELECT * FROM (" + std::string(unlogged_tables) + ") AS u";
  if (is_ours)
    query += std::string(" UNION ALL ") + unique_indexes + " UNION ALL " + triggers;
  add_sentences(session, about(which, std::move(query)), sentences);
}

void add_schema_findings(database& session, schema which, std::vector<std::string>& sentences) {
  const auto applied = read_applied_migrations(session, which);
  auto fault = migration_fault(applied, which);
  if (fault.empty())
    fault = missing_migration(applied, which);
  if (!fault.empty()) {
    sentences.push_back(std::move(fault));
    return;
  }
  add_guarantee_findings(session, which, true, sentences);
  if (which == schema::ledger && session.run(ids_behind).size() > 0)
    sentences.push_back(ledger_ids_behind());
}

} // namespace

std::vector<std::string> check_database(const std::string& database_url, schema which) {
  const auto reached = primary_first(database_url);
  auto& session = *reached;
  std::vector<std::string> sentences;
  if (auto fault = pooler_fault(database_url); !fault.empty())
    sentences.push_back(std::move(fault));
  add_sentences(session, server_findings, sentences);
  if (session.run(about(which, "SELECT to_regnamespace($quoted)")).is_null(0, 0)) {
    sentences.push_back(no_schema(which));
    return sentences;
  }
  const auto found = sentences.size();
  add_sentences(session, about(which, schema_privilege), sentences);
  add_sentences(session, about(which, table_privileges), sentences);
  if (found == sentences.size())
    add_schema_findings(session, which, sentences);
  return sentences;
}

bool may_pass(const std::string& fault) {
  return fault.starts_with("the server is in recovery") || fault == "the database is read-only";
}

std::string database_identity(const std::string& database_url) {
  database session(any_server_connection_string(database_url));
  try {
    return std::string{session.run(identity_query).text(0, 0)};
  } catch (const database_error&) {
    session.run("SELECT 1"); // throws when it is the server that is away
    return {};
  }
}

std::uint64_t ledger_identity(const std::string& of_database) {
  return of_database.empty() ? 0 : fnv1a_64(of_database + "/" + schema_name(schema::ledger));
}

std::string standing_faults(database& session, schema which) {
  std::vector<std::string> sentences;
  add_sentences(session,
                about(which, std::string(schema_privilege) + " UNION ALL " + table_privileges),
                sentences);
  if (sentences.empty()) {
    const auto applied = read_applied_migrations(session, which);
    if (auto fault = missing_migration(applied, which); !fault.empty())
      return fault;
    add_guarantee_findings(session, which, applied.size() == migrations(which).size(), sentences);
  }
  std::string result;
  for (const auto& each : sentences)
    result += (result.empty() ? "" : "; ") + each;
  return result;
}

std::string standby_warning(database& session) {
  const auto found = session.run(unreplicated_commits);
  return found.size() == 0 ? std::string() : std::string(found.text(0, 0));
}

std::vector<std::string> database_warnings(const std::string& database_url) {
  database session(any_server_connection_string(database_url));
  std::vector<std::string> sentences;
  add_sentences(session, warnings, sentences);
  add_sentences(session, unreplicated_commits, sentences);
  add_sentences(session, old_ids, sentences);
  return sentences;
}

std::vector<std::string> server_warnings(const std::string& database_url) {
  database session(any_server_connection_string(database_url));
  std::vector<std::string> sentences;
  add_sentences(session, unreplicated_commits, sentences);
  add_sentences(session, old_ids, sentences);
  return sentences;
}

} // namespace ledgerd
