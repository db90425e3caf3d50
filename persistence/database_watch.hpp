// What this process waits for at its databases: told as it happens, and ended at once.
//
// For all databases of the process together. Any thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace ledgerd {

// A COMMIT that waits for longer is told to the listener, once, and again when it has its answer.
constexpr auto commit_notice = std::chrono::seconds(5);

// Is given one sentence, for the log: a COMMIT that waits, a session that was opened again and why.
// Called by whatever thread it happens on, never by two at once; must not throw, nor call back.
using database_listener = std::function<void(const std::string& sentence)>;
void set_database_listener(database_listener listener);

// How long the oldest COMMIT has been waiting, also one that was given up here and is still seen to
// wait on the server; zero: none is.
std::chrono::milliseconds longest_commit_wait() noexcept;

// For a shutdown that is out of time: every call under way fails within a moment as if its
// connection had broken (a COMMIT: in doubt), and so does every later one, without waiting.
void cancel_database_calls() noexcept;

// Takes that back.
void permit_database_calls() noexcept;

} // namespace ledgerd
