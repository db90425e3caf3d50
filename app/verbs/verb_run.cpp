#include <memory>

#include "app/base/output.hpp"
#include "app/base/signals.hpp"
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

} // namespace

void add_run(command_line& line) {
  const auto print_only = std::make_shared<bool>(false);
  auto& app = line.add_verb(
      {"run", "Run the daemon until SIGTERM",
       "ledgerd run --nats-url nats://127.0.0.1:4222 --database-url-file /etc/ledgerd/database-url",
       option_scope::daemon},
      [print_only](const config& settings) {
        if (!*print_only)
          return run_logged(settings);
        print_lines(print_config(settings));
        return exit_code::done;
      });
  app.add_flag("--print-config", *print_only,
               "Print the configuration that would be used, without secrets, and exit");
}

} // namespace ledgerd
