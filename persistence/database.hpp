// One session with PostgreSQL: the only place that speaks libpqxx, built with its releases 6.4
// and 7.10 alike.
//
// Private to this room. An object belongs to one thread. It never reconnects by itself: after any
// failure but a clear answer of the server it is thrown away and made anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "domain/entry.hpp"
#include "persistence/database_error.hpp"

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

// Every function waits for the server and throws database_error.
class database {
public:
  // Connects and prepares.
  explicit database(const std::string& connection_string,
                    const std::vector<statement>& statements = {});
  ~database();

  database(const database&) = delete;
  database& operator=(const database&) = delete;

  // Opens a transaction and returns its time: what now() stays throughout. `settings` are
  // statements, each with its semicolon, that go along in the same round trip.
  database_time begin(const std::string& settings = {});

  rows exec(const statement& prepared, std::initializer_list<const char*> parameters);

  // Plain SQL, also several statements.
  rows run(const std::string& sql);

  // Throws in_doubt for anything but a clear rollback.
  void commit();

  // Leaves no transaction open. Throws when the session is of no more use.
  void rollback();

private:
  struct session;
  std::unique_ptr<session> session_;
};

} // namespace ledgerd
