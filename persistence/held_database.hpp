// Which database this process works with: for each schema the one it began with, for good. An
// address may lead to another one later (a name that points elsewhere, a server that was restored
// or upgraded behind its address), and sessions of different age would write into both.
//
// For the process. Any thread.
#pragma once

#include <string>

#include "persistence/schema.hpp"

namespace ledgerd {

// From now on sessions for `which` are refused in every database but this one, see
// database_identity(). Empty: in none.
void hold_to_database(schema which, std::string identity);

bool holds_to_database(schema which);

// What is to be said against a session with this database; empty: nothing. A database that does not
// tell its identity is let pass.
std::string judge_database(schema which, const std::string& identity);

// The sentence of that, while sessions meet another database; empty: the last one that was opened
// was with the right one.
std::string other_database_met(schema which);

} // namespace ledgerd
