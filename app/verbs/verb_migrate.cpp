#include <memory>

#include "app/base/output.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/verbs.hpp"
#include "persistence/database_watch.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

// What was applied to one schema, and what it is at now.
ordered_json migrate_schema(const char* name, const std::string& url, schema which) {
  const auto applied = migrate(url, which);
  return {{"schema", name}, {"applied", applied}, {"version", read_schema(url, which).version}};
}

void print_text(const ordered_json& done) {
  for (const auto& name : done["applied"])
    print_line("applied %s", name.get<std::string>().c_str());
  print_line("the schema %s is at version %d", done["schema"].get<std::string>().c_str(),
             done["version"].get<int>());
}

int run_migrate(const config& settings, bool json) {
  require_database(settings);
  set_database_listener(
      [](const std::string& sentence) { complain("warning: %s", sentence.c_str()); });
  auto items = ordered_json::array();
  const auto bring_up = [&](const char* name, const std::string& url, schema which) {
    items.push_back(migrate_schema(name, url, which));
    if (!json)
      print_text(items.back());
  };
  if (settings.has_role(role::ledger))
    bring_up("ledger", settings.database_url, schema::ledger);
  if (settings.has_role(role::account))
    bring_up("account", settings.records_url(), schema::account);
  if (json)
    print_json({{"schemas", items}});
  return exit_code::done;
}

} // namespace

void add_migrate(command_line& line) {
  const auto json = std::make_shared<bool>(false);
  auto& app = line.add_verb(
      {"migrate", "Bring the schemas of this node's roles up to this program's version",
       "ledgerd migrate --database-url postgresql://ledgerd@127.0.0.1:5432/ledgerd",
       option_scope::daemon},
      [json](const config& settings) { return run_migrate(settings, *json); });
  app.add_flag("--json", *json, "Print JSON");
}

} // namespace ledgerd
