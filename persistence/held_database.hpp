// Which database this process works with: for each schema the one it began with, for good. An
// address may lead to another one later (a name that points elsewhere, a server that was restored
// or upgraded behind its address), and sessions of different age would write into both.
//
// Also whether sessions have met that their commits would not last, which those of another age need
// not show.
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

inline constexpr const char* unlasting_commits =
    "synchronous_commit is off: a crash can lose movements whose messages were acknowledged";

// That a session was about to commit so, or that a new one would not.
void note_unlasting_commits(schema which, bool met);

// Why the last new session for `which` was refused while others lived; empty: none was. Returns
// whether that is news.
bool note_refused_session(schema which, const std::string& why);
std::string refused_sessions(schema which);

// What makes sessions for `which` unfit, in a sentence: the last one that told was with another
// database, or commits would not last. Empty: nothing.
std::string session_fault(schema which);

} // namespace ledgerd
