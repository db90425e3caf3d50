// Opens a session with whichever of a database's addresses answers, within a time limit.
//
// libpq's own limit is per address and does not cover the look-up of names, so this one place
// connects with libpq itself, without blocking. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

struct pg_conn;

namespace ledgerd {

struct session_closer {
  void operator()(pg_conn* connection) const noexcept;
};

struct opened_session {
  std::unique_ptr<pg_conn, session_closer> connection;
  std::size_t address = 0; // the place of its address among all of them
};

// `PostgreSQL at HOST:PORT gave no answer within ...`, or at its socket. May be null.
std::string no_answer(const pg_conn* from, std::chrono::milliseconds limit);

// Tries the addresses of all hosts of the connection string in their order, beginning with number
// `first` (counted round), each next one as soon as the one before has failed or has kept silent
// for a moment; the first session that is made and is what target_session_attrs asks for wins. At
// most `limit` in all; nothing: the connect_timeout of the string from the last address on. Throws
// database_error, one line that names each address and what it said.
opened_session open_session(const std::string& connection_string, std::size_t first = 0,
                            std::optional<std::chrono::milliseconds> limit = std::nullopt);

} // namespace ledgerd
