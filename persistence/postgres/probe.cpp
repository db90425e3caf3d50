#include "persistence/postgres/probe.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "persistence/held_database.hpp"
#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/pooler_check.hpp"
#include "persistence/postgres/standing_faults.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t sentence_max = 200;

// A server's settings may change while the daemon runs: a session takes them up when its server
// reads them again. Close to the age at which no more transaction ids are given, one is asked for:
// a server that refuses says so itself.
constexpr const char* question = R"(
SELECT CASE
  WHEN pg_is_in_recovery() THEN 'the server is in recovery: a standby cannot be written to'
  WHEN current_setting('transaction_read_only')::boolean THEN 'the database is read-only'
  WHEN current_setting('synchronous_commit') = 'off'
    THEN 'synchronous_commit is off: commits would be lost in a crash'
  WHEN NOT current_setting('fsync')::boolean
    THEN 'fsync is off: a crash of the machine can destroy the database'
  WHEN NOT current_setting('full_page_writes')::boolean
    THEN 'full_page_writes is off: a crash of the machine can destroy the database'
  WHEN (SELECT max(mxid_age(datminmxid)) FROM pg_database) >= 2144483647
    THEN 'the server gives no multixact ids any more: VACUUM FREEZE is behind'
  WHEN (SELECT max(age(datfrozenxid)) FROM pg_database) > 2140000000
    THEN CASE WHEN pg_current_xact_id() IS NULL THEN 'no transaction id' ELSE '' END
  ELSE '' END)";

} // namespace

std::string probe::ask() {
  const auto answer = session_->run(question);
  return std::string{answer.text(0, 0)};
}

void probe::look_at_rights(std::chrono::milliseconds limit) {
  if (clock::now() < next_look_)
    return;
  next_look_ = clock::now() + between_.bad; // if the time is too short for this one
  session_->limit_calls(limit);
  std::string found;
  try {
    found = look_with_new_session(limit);
    if (found.empty())
      found = standing_faults(*session_, which_);
    look_at_standby();
  } catch (const database_error& error) {
    if (error.fault() != database_fault::refused)
      throw;
    found = error.what();
  }
  rights_fault_ = one_line_of(found, sentence_max);
  next_look_ = clock::now() + (rights_fault_.empty() ? between_.good : between_.bad);
}

void probe::look_at_standby() {
  const auto found = standby_warning(*session_);
  if (std::exchange(standby_warning_, found) != found)
    tell_database_listener(found.empty() ? "commits wait for the synchronous standby again"
                                         : found);
}

// Whoever is connected stays so when a password or a limit changes, and a pooler's mode does, too.
std::string probe::look_with_new_session(std::chrono::milliseconds limit) {
  std::optional<database> fresh;
  std::string refusal;
  try {
    fresh.emplace(connection_string(url_()), std::vector<statement>{},
                  session_terms{.limit = limit});
  } catch (const database_error& error) {
    if (error.fault() == database_fault::lost) // silence says nothing of the next one
      return {};
    refusal = one_line_of(error.what(), sentence_max);
  } catch (const std::exception& error) { // the URL cannot be read
    refusal = one_line_of(error.what(), sentence_max);
  }
  if (note_refused_session(which_, refusal))
    tell_database_listener(refusal.empty()
                               ? "new sessions are not refused any more"
                               : "a new session is refused, those that are open go on: " + refusal);
  return fresh ? pooler_fault(*session_, *fresh) : std::string();
}

std::string probe::fault(std::chrono::milliseconds limit) {
  const auto begun = clock::now();
  // Others have met what this session does not show: a new one shows whether it is so still.
  if (!session_fault(which_).empty())
    session_.reset();
  // The session of the last time may have ended with its server, or belong to one that is primary
  // no more: that says nothing about the present one.
  try {
    if (session_) {
      session_->limit_calls(limit / 2);
      if (ask().empty()) {
        look_at_rights(limit / 6);
        return rights_fault_;
      }
    }
  } catch (const std::exception&) {
  }
  session_.reset();
  const auto left =
      limit - std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begun);
  try {
    session_.emplace(connection_string(url_()), std::vector<statement>{},
                     session_terms{.limit = left, .held_for = which_});
    // What is behind the address may be another one now.
    next_look_ = std::min(next_look_, clock::now() + between_.bad);
    const auto why = ask();
    if (why.empty())
      note_unlasting_commits(which_, false);
    return why.empty() ? rights_fault_ : why;
  } catch (const std::exception& error) {
    session_.reset();
    const auto why = one_line_of(error.what(), sentence_max);
    return why.empty() ? "it cannot be asked" : why;
  }
}

} // namespace ledgerd
