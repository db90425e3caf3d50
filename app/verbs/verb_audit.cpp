#include <memory>

#include "app/audit/audit.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "persistence/openings.hpp"

namespace ledgerd {

void add_audit(command_line& line) {
  const auto options = std::make_shared<audit_options>();
  auto& app = line.add_verb({"audit", "Prove that nothing was lost and nothing was applied twice",
                             "ledgerd audit --json"},
                            [options](const config& settings) {
                              options->rules.requests = settings.rules;
                              const auto ledger = open_ledger(settings);
                              options->rules.opened_at = first_opening(settings.database_url);
                              const auto records =
                                  make_postgres_record_reader(settings.records_url());
                              const auto nats = connect_broker(settings);
                              return audit(*ledger, *records, *nats, *options);
                            });
  app.add_flag("--live", options->rules.live,
               "The daemon is at work: what is not settled yet is no fault");
  app.add_flag("--json", options->json, "Print JSON");
}

} // namespace ledgerd
