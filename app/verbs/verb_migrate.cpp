#include "app/base/output.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/verbs.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

namespace {

void migrate_schema(const char* name, const std::string& url, schema which) {
  for (const auto& applied : migrate(url, which))
    print_line("applied %s", applied.c_str());
  print_line("the schema %s is at version %d", name, read_schema(url, which).version);
}

int run_migrate(const config& settings) {
  require_database(settings);
  if (settings.has_role(role::ledger))
    migrate_schema("ledger", settings.database_url, schema::ledger);
  if (settings.has_role(role::account))
    migrate_schema("account", settings.records_url(), schema::account);
  return exit_code::done;
}

} // namespace

void add_migrate(command_line& line) {
  line.add_verb({"migrate", "Bring the schemas of this node's roles up to this program's version",
                 "ledgerd migrate --database-url postgresql://ledgerd@127.0.0.1:5432/ledgerd",
                 option_scope::daemon},
                [](const config& settings) { return run_migrate(settings); });
}

} // namespace ledgerd
