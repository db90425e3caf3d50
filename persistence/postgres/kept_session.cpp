#include "persistence/postgres/kept_session.hpp"

#include "persistence/postgres/connection_string.hpp"

namespace ledgerd {

kept_session::kept_session(url_source url, schema which, std::string settings,
                           std::vector<statement> statements)
    : url_(std::move(url)), which_(which), settings_(std::move(settings)),
      statements_(std::move(statements)) {}

database& kept_session::use() {
  if (database_ && !database_->alive())
    end(database_->last_words());
  is_new_ = !database_;
  if (database_)
    return *database_;
  try {
    database_.emplace(connection_string(present_url(), settings_), statements_,
                      session_terms{.first_address = first_address_, .held_for = which_});
  } catch (const database_error& error) {
    if (ended_.empty())
      throw;
    throw database_error(error.fault(), ended_ + ", and then: " + error.what());
  } catch (const std::exception& error) { // no thread, no memory: nothing is in doubt
    throw database_error(database_fault::lost, error.what());
  }
  if (!ended_.empty())
    tell_database_listener("a session that had ended was opened again: " + ended_);
  ended_.clear();
  return *database_;
}

// One that cannot be read stands before any session: nothing is in doubt.
std::string kept_session::present_url() const try {
  return url_();
} catch (const std::exception& error) {
  throw database_error(database_fault::refused, error.what());
}

void kept_session::end(std::string reason) {
  ended_ = std::move(reason);
  database_.reset();
}

void kept_session::drop() noexcept {
  if (database_ && database_->expired())
    first_address_ = database_->address() + 1;
  database_.reset();
}

} // namespace ledgerd
