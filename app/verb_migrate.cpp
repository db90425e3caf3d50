#include <cstdio>

#include "app/command_line.hpp"
#include "app/verbs.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

namespace {

int run_migrate(const config& settings) {
  require_ledger_database(settings);
  const auto applied = migrate(settings.database_url);
  for (const auto& name : applied)
    std::printf("applied %s\n", name.c_str());
  std::printf("the schema is at version %d\n", read_schema(settings.database_url).version);
  return exit_code::done;
}

} // namespace

void add_migrate(command_line& line) {
  line.add_verb({"migrate", "Bring the database's schema up to this program's version",
                 "ledgerd migrate --database-url postgresql://ledgerd@127.0.0.1:5432/ledgerd"},
                run_migrate);
}

} // namespace ledgerd
