#include <memory>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/shadow/shadow_report.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "persistence/shadow_mark.hpp"

namespace ledgerd {

namespace {

struct report_request {
  std::size_t limit = 100;
  std::string older_than = "1m";
  bool json = false;
};

int run_report(const config& settings, const report_request& request) {
  const auto older_than = parse_duration(request.older_than);
  if (!older_than)
    throw usage_error{"--older-than must be a duration such as 500ms, 2s or 1m"};
  const auto ledger = open_ledger(settings);
  if (!is_shadow_database(settings.database_url))
    throw usage_error{"the database is no shadow's: `ledgerd run --shadow` on one of its own comes "
                      "first, and this verb asks that one"};
  const auto nats = connect_broker(settings);
  const auto found = compare_all(*ledger, *nats, {request.limit, *older_than, settings.rules});
  const currency_table currencies{ledger->currencies()};
  print_lines(request.json ? report_json(found, currencies) : report_table(found, currencies));
  return found.agrees() ? exit_code::done : exit_code::answer_is_no;
}

} // namespace

void add_shadow(command_line& line) {
  const auto request = std::make_shared<report_request>();
  auto& group = line.add_group("shadow", "Compare the present service with a shadow of it");
  group.footer("Example: ledgerd shadow report");
  auto& app = line.add_verb_to(
      group,
      {"report", "Say where the results of the present service and the shadow's rows differ",
       "ledgerd shadow report --database-url postgresql://ledgerd@127.0.0.1:5432/shadow"},
      [request](const config& settings) { return run_report(settings, *request); });
  add_integer(app, "--limit", request->limit, 1, 1000000, "How many of each kind are listed");
  app.add_option("--older-than", request->older_than,
                 "How old a row must be for its result to be missed")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_flag("--json", request->json, "Print JSON");
}

} // namespace ledgerd
