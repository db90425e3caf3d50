// One session with PostgreSQL: the only place that speaks libpqxx, built with its releases 6.4
// and 7.10 alike.
//
// An object belongs to one thread. It never reconnects by itself: after any
// failure but a clear answer of the server it is thrown away and made anew. No call waits for ever:
// each has a limit on this side, a little above the server's own, after which the session is lost.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/entry.hpp"
#include "persistence/database_error.hpp"
#include "persistence/postgres/call_deadline.hpp"

namespace ledgerd {

// What a statement gave back. Cheap to copy; views into it live as long as one copy does.
class rows {
public:
  std::size_t size() const noexcept;     // rows returned
  std::size_t affected() const noexcept; // rows inserted or updated
  bool is_null(std::size_t row, int column) const;
  std::string_view text(std::size_t row, int column) const;
  std::int64_t integer(std::size_t row,
                       int column) const; // throws std::runtime_error if it is none

private:
  friend class database;
  struct content;
  std::shared_ptr<const content> content_;
};

// A prepared statement. The text lives next to its use as a constant.
struct statement {
  std::string name;
  std::string sql;
};

// How a session is made.
struct session_options {
  // The place of the address to begin with; see open_session.
  std::size_t first_address = 0;
  // For the connection and for each call; nothing: the connection's own limit, and a little more
  // than the session's statement_timeout.
  std::optional<std::chrono::milliseconds> limit = std::nullopt;
};

// Every function waits for the server and throws database_error.
class database {
public:
  // Connects and prepares. SQL speaks of the schemas as schema_text.hpp says.
  explicit database(const std::string& connection_string,
                    const std::vector<statement>& statements = {}, session_options options = {});
  ~database();

  database(const database&) = delete;
  database& operator=(const database&) = delete;

  // Opens a transaction and returns its time: what now() stays throughout. `settings` are
  // statements, each with its semicolon, that go along in the same round trip.
  // `statement_max`: how long they let a statement take, where the session itself allows less.
  database_time begin(const std::string& settings = {},
                      std::chrono::milliseconds statement_max = {});

  rows exec(const statement& prepared, std::initializer_list<const char*> parameters);

  // Plain SQL, also several statements.
  rows run(const std::string& sql);

  // Throws in_doubt for anything but a clear rollback, also when there is no answer in time.
  void commit();

  // Leaves no transaction open. Throws when the session is of no more use.
  void rollback();

  // Limits each call from now on. A COMMIT keeps its own limit unless this one is longer.
  void limit_calls(std::chrono::milliseconds limit);

  // Whether the session can still be used. Looks at what came in meanwhile, and after a rest asks
  // the server. Between transactions only; does not throw.
  bool alive() noexcept;

  // What the server said when it ended the session, or what is known instead.
  std::string last_words() const;

  // Whether a call has met its limit, so that the session is lost.
  bool expired() const noexcept;

  std::size_t address() const noexcept;  // where it is; see open_session
  std::int64_t backend() const noexcept; // the server's process
  std::int64_t calls() const noexcept;   // how many were made
  std::chrono::steady_clock::time_point last_begun() const noexcept; // when the last of them began

private:
  struct session;

  template <class Function>
  auto call(call_kind kind, Function&& function);

  void take_settings(const std::string& connection_string);

  std::unique_ptr<session> session_;
};

} // namespace ledgerd
