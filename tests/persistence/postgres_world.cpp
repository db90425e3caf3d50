#include "tests/persistence/postgres_world.hpp"

#include "persistence/schema.hpp"

namespace ledgerd::test {

private_servers& postgres() {
  static private_servers servers(private_servers::which::postgres);
  return servers;
}

memory_database::content content_of(const std::string& database_url) {
  memory_database::content result;
  make_postgres_reader(database_url)
      ->snapshot(
          [&](const account_row& row) { result.accounts.emplace(row.account, row.head); },
          [&](const audited_posting& each) { result.postings.emplace(each.row.record, each.row); });
  return result;
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

} // namespace ledgerd::test
