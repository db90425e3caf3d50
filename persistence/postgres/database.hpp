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
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/entry.hpp"
#include "persistence/database_error.hpp"
#include "persistence/postgres/call_deadline.hpp"
#include "persistence/schema.hpp"

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

// A statement and its parameters, which stay valid until it has run. nullptr is NULL.
struct prepared_call {
  const statement& what;
  std::vector<const char*> parameters;
};

// What statements of one round trip gave back: the answers up to the first that failed, and why it
// did.
struct pipeline_answer {
  std::vector<rows> good;
  std::optional<database_error> error{};
};

// What the statements of a transaction may take; 0: as much as the session allows.
struct transaction_limits {
  std::chrono::milliseconds lock{0};      // each wait for a lock
  std::chrono::milliseconds statement{0}; // each statement
};

// A transaction that was opened.
struct begun {
  database_time now;         // what now() stays throughout
  std::vector<rows> answers; // of the statements that went along
};

// How a session is made.
struct session_terms {
  // The place of the address to begin with; see open_session.
  std::size_t first_address = 0;
  // For the connection and for each call; nothing: the connection's own limit, and a little more
  // than the session's statement_timeout.
  std::optional<std::chrono::milliseconds> limit = std::nullopt;
  // Refused (away) in another database than the one that is held for this schema; nothing: in none.
  std::optional<schema> held_for = std::nullopt;
};

// Every function waits for the server and throws database_error.
class database {
public:
  // Connects and prepares. SQL speaks of the schemas as schema_text.hpp says.
  explicit database(const std::string& connection_string,
                    const std::vector<statement>& statements = {}, session_terms terms = {});
  ~database();

  database(const database&) = delete;
  database& operator=(const database&) = delete;

  // Opens a transaction. The calls, if any, go along in the same round trip, one after the other.
  begun begin(const transaction_limits& limits = {}, const std::vector<prepared_call>& calls = {});

  rows exec(const statement& prepared, const std::vector<const char*>& parameters);

  // One after the other in one round trip, inside a transaction; after the first that fails none is
  // run. Throws only when the session is lost.
  pipeline_answer exec_all(const std::vector<prepared_call>& calls);

  // Plain SQL, also several statements.
  rows run(const std::string& sql);

  // Throws in_doubt for anything but a clear rollback, also when there is no answer in time; away,
  // with nothing committed, while synchronous_commit is off: a crash could lose it.
  void commit();

  // Ends a transaction that has changed nothing and whose answers rest on what others committed.
  // That may be visible without being replicated: a COMMIT that waited for a synchronous standby
  // ends its wait when its session is ended or the server is started again. With such standbys this
  // waits for them itself, and throws as `commit` does. See decision 12.
  void confirm();

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

  bool pooled() const noexcept; // whether another program gives sessions of the server away

  std::size_t address() const noexcept;  // where it is; see open_session
  std::int64_t backend() const noexcept; // the server's process
  std::int64_t calls() const noexcept;   // how many were made
  std::chrono::steady_clock::time_point last_begun() const noexcept; // when the last of them began

private:
  struct session;

  template <class Function>
  auto call(call_kind kind, Function&& function);
  template <class Function>
  auto wait(call_kind kind, Function&& function);
  template <class Send>
  pipeline_answer run_all(std::size_t count, Send send);

  void take_settings(const std::string& connection_string, std::optional<schema> held_for);
  rows look(bool with_identity);
  void refuse_unlasting() const;

  std::unique_ptr<session> session_;
};

} // namespace ledgerd
