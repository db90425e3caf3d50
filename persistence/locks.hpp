// Who holds locks that the sessions of this program wait for, and the end of such a session: for
// whoever keeps the database.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "domain/entry.hpp"
#include "persistence/url_source.hpp"

namespace ledgerd {

// A session of the database: what every role may see of it.
struct session_name {
  std::int64_t pid = 0;
  std::string user;        // empty: a process of the server itself
  std::string application; // as it calls itself; may be empty
};

// session 4711 of the user bob (psql)
std::string to_text(const session_name& whose);

// Whether the role of this process may end a session.
enum class end_right : std::uint8_t {
  yes,
  needs_membership, // in the session's role, or in pg_signal_backend
  needs_superuser,  // it is one's, or a process of the server itself
};

struct blocked_session {
  std::int64_t pid = 0;
  std::chrono::milliseconds waits{0}; // the longest wait that was seen
};

// A session that is none of this program's and holds locks on its tables.
struct lock_holder {
  session_name session;
  std::string transaction; // tells its present transaction from its next one
  std::string prepared;    // the name of a prepared transaction, which has no session; empty: none
  // Seen by members of its role and of pg_read_all_stats only; nothing: not known.
  std::optional<std::string> state;
  std::optional<database_time> since; // when its transaction began
  end_right right = end_right::yes;
  std::vector<blocked_session> blocked; // sessions of this program; empty: none was seen to wait
  std::vector<std::string> rows; // what they wait for, where that is one row: account alice EUR
};

enum class session_kind : std::uint8_t { none, ours, other };

enum class end_outcome : std::uint8_t {
  ended,
  gone,   // its transaction had ended before
  denied, // the server refuses it to this role
  stays,  // it was told to end, and is still there
};

// One session of its own, made at once. Sessions of this program are those that call themselves
// `ledgerd`, or as the database URL says. Every function waits and throws std::runtime_error.
// Belongs to one thread.
class lock_watch {
public:
  virtual ~lock_watch() = default;

  // Which database of which life of which server this is.
  virtual std::string database() = 0;

  // Those that hold locks now. This program's sessions wait for a lock in vain for a second or two
  // and rest then, so who holds one is watched until it is seen to block, at most `patience`.
  // Holders of nothing that could block are left out.
  virtual std::vector<lock_holder> look(std::chrono::milliseconds patience) = 0;

  virtual session_kind kind_of(std::int64_t pid) = 0;

  // Ends the session unless its transaction is another one by now.
  virtual end_outcome end(const lock_holder& whom, std::chrono::milliseconds patience) = 0;
};

std::unique_ptr<lock_watch> make_postgres_lock_watch(const url_source& database_url);

} // namespace ledgerd
