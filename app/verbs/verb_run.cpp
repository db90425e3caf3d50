#include <memory>

#include "app/base/output.hpp"
#include "app/base/signals.hpp"
#include "app/config/shown_settings.hpp"
#include "app/daemon/daemon.hpp"
#include "app/daemon/logging.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/verbs.hpp"

namespace ledgerd {

namespace {

int run_logged(const config& settings) {
  require_database(settings);
  process_signals signals; // before any thread
  setup_logging(settings, true);
  const int code = run_daemon(settings, signals);
  shutdown_logging(code);
  return code;
}

// The options by their names; all values are texts, written as in the file.
nlohmann::ordered_json settings_json(const config& settings) {
  auto all = nlohmann::ordered_json::object();
  for (const auto& [name, text] : shown_settings(settings))
    all[name] = text;
  return all;
}

} // namespace

void add_run(command_line& line) {
  struct look_options {
    bool print = false;
    bool json = false;
  };
  const auto look = std::make_shared<look_options>();
  auto& app = line.add_verb(
      {"run", "Run the daemon until SIGTERM",
       "ledgerd run --nats-url nats://127.0.0.1:4222 --database-url-file /etc/ledgerd/database-url",
       option_scope::daemon},
      [look](const config& settings) {
        if (!look->print)
          return run_logged(settings);
        if (look->json)
          print_json(settings_json(settings));
        else
          print_lines(print_config(settings));
        return exit_code::done;
      });
  auto* print =
      app.add_flag("--print-config", look->print,
                   "Print the configuration that would be used, without secrets, and exit");
  app.add_flag("--json", look->json, "Print it as JSON")->needs(print);
}

} // namespace ledgerd
