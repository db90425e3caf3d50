#include "tests/persistence/postgres/postgres_world.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "persistence/schema.hpp"
#include "tests/support/shell.hpp"

namespace ledgerd::test {

private_servers& postgres() {
  static private_servers servers(private_servers::which::postgres);
  return servers;
}

memory_database::content content_of(const std::string& database_url) {
  memory_database::content result;
  make_postgres_reader(database_url)
      ->snapshot(
          std::nullopt,
          [&](const account_row& row) { result.accounts.emplace(row.account, row.head); },
          [&](const audited_posting& each) { result.postings.emplace(each.row.record, each.row); });
  return result;
}

std::string source_file(const std::string& path) {
  std::ostringstream result;
  result << std::ifstream(LEDGERD_SOURCE_DIR "/" + path).rdbuf();
  return result.str();
}

std::string with_parameter(const std::string& database_url, const std::string& parameter) {
  return database_url + (database_url.find('?') == std::string::npos ? '?' : '&') + parameter;
}

std::string with_user(const std::string& database_url, const std::string& user,
                      const std::string& password) {
  const auto start = database_url.find("://") + 3;
  return database_url.substr(0, start) + user + ":" + password
         + database_url.substr(database_url.find('@'));
}

stranger::stranger(const std::string& database_url, const std::string& statements) {
  auto as_postgres = database_url;
  const auto role = as_postgres.find("://") + 3;
  as_postgres.replace(role, as_postgres.find(':', role) - role, "postgres");
  psql_ = popen(
      ("exec psql -XAtq -v ON_ERROR_STOP=1 -d " + quoted(as_postgres) + " >/dev/null").c_str(),
      "we");
  if (psql_ == nullptr)
    throw std::runtime_error("cannot run psql");
  std::fputs(("BEGIN; " + statements + "; SELECT 1 AS stranger;\n").c_str(), psql_);
  std::fflush(psql_);
  for (int i = 0; i < 1200; ++i) {
    if (postgres().sql(database_url, "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                     "current_database() AND state = 'idle in transaction' AND "
                                     "query LIKE '%AS stranger;'")
        == "1\n")
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  end();
  throw std::runtime_error("a stranger's transaction did not begin within a minute");
}

stranger::~stranger() {
  end();
}

void stranger::end() noexcept {
  if (psql_ != nullptr)
    pclose(psql_); // the end of its input is that of the session
  psql_ = nullptr;
}

postgres_world::postgres_world() : url(postgres().fresh_database()) {
  migrate(url);
}

void postgres_world::reject(record_id id) {
  sql("CREATE FUNCTION public.reject() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "RAISE EXCEPTION 'no such movement' USING ERRCODE = 'check_violation'; END $$;"
      "CREATE TRIGGER reject BEFORE INSERT ON ledger.transactions FOR EACH ROW "
      "WHEN (NEW.record_id = "
      + std::to_string(to_int(id)) + ") EXECUTE FUNCTION public.reject()");
}

postgres_record_world::postgres_record_world() : url(postgres().fresh_database()) {
  migrate(url, schema::account);
}

memory_record_database::content postgres_record_world::content() {
  memory_record_database::content result;
  for (const auto& each : make_postgres_record_reader(url)->after(record_id{}, 1'000'000))
    result.emplace(each.row.id, each.row);
  return result;
}

void postgres_record_world::pass(std::chrono::milliseconds time) {
  const auto interval = "interval '" + std::to_string(time.count()) + " milliseconds'";
  sql("UPDATE account.transaction_records SET created_at = created_at - " + interval
      + ", updated_at = updated_at - " + interval + " WHERE status = 'PENDING'");
}

bool postgres_record_world::refuses(const std::string& statements) {
  try {
    sql(statements);
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

bool postgres_record_world::becomes(const std::string& query, const std::string& answer) {
  for (int i = 0; i < 200; ++i) {
    if (sql(query) == answer + "\n")
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

} // namespace ledgerd::test
