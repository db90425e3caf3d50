#include "persistence/postgres/probe.hpp"

#include <exception>

#include "persistence/postgres/connection_string.hpp"

namespace ledgerd {

bool probe::ask() {
  const auto answer = session_->run("SELECT NOT pg_is_in_recovery() "
                                    "AND NOT current_setting('transaction_read_only')::boolean");
  return answer.text(0, 0) == "t";
}

bool probe::writable(std::chrono::milliseconds limit) {
  const auto begun = std::chrono::steady_clock::now();
  // The session of the last time may have ended with its server, or belong to one that is primary
  // no more: that says nothing about the present one.
  try {
    if (session_) {
      session_->limit_calls(limit / 2);
      if (ask())
        return true;
    }
  } catch (const std::exception&) {
  }
  session_.reset();
  const auto left = limit
                    - std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::steady_clock::now() - begun);
  try {
    session_.emplace(connection_string(url_()), std::vector<statement>{},
                     session_options{.limit = left});
    return ask();
  } catch (const std::exception&) {
    session_.reset();
    return false;
  }
}

} // namespace ledgerd
