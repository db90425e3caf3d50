#include <csignal>

#include "app/base/open_files.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/verbs.hpp"

int main(int argc, char** argv) {
  std::signal(
      SIGPIPE,
      SIG_IGN); // a closed pipe or socket is an error of the write, not the end of the process
  ledgerd::hold_standard_files();
  ledgerd::raise_open_files();
  ledgerd::command_line line;
  ledgerd::add_run(line);
  ledgerd::add_check(line);
  ledgerd::add_migrate(line);
  ledgerd::add_import(line);
  ledgerd::add_submit(line);
  ledgerd::add_status(line);
  ledgerd::add_metrics(line);
  ledgerd::add_trace(line);
  ledgerd::add_account(line);
  ledgerd::add_currency_verbs(line);
  ledgerd::add_dead(line);
  ledgerd::add_locks(line);
  ledgerd::add_audit(line);
  ledgerd::add_shadow(line);
  ledgerd::add_bench(line);
  ledgerd::add_help(line);
  ledgerd::add_completion(line);
  return line.run(argc, argv);
}
