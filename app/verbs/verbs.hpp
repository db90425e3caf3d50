// One function for each verb, in a file of its own: adds the verb to the command line.
#pragma once

namespace ledgerd {

class command_line;

void add_run(command_line& line);
void add_check(command_line& line);
void add_migrate(command_line& line);
void add_import(command_line& line);
void add_submit(command_line& line);
void add_status(command_line& line);
void add_metrics(command_line& line);
void add_trace(command_line& line);
void add_account(command_line& line);
void add_currency_verbs(command_line& line);
void add_dead(command_line& line);
void add_locks(command_line& line);
void add_audit(command_line& line);
void add_shadow(command_line& line);
void add_bench(command_line& line);
void add_help(command_line& line);
void add_completion(command_line& line);

} // namespace ledgerd
