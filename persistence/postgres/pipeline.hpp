// Statements that go to the server together and are answered one after the other: libpq's pipeline
// mode, which no release of libpqxx has.
//
// One thread. Begins when it is made; nothing else may use the connection until it has ended.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "persistence/database_error.hpp"

// libpq's.
struct pg_conn;
struct pg_result;

namespace ledgerd {

using libpq_result = std::unique_ptr<pg_result, void (*)(pg_result*)>;

// Every function throws database_error (lost) when the connection breaks; it is of no use then.
class pipeline {
public:
  explicit pipeline(pg_conn* connection);
  ~pipeline();

  pipeline(const pipeline&) = delete;
  pipeline& operator=(const pipeline&) = delete;

  // One statement each; the server runs it at once. Does not wait for its answer.
  void send(const std::string& sql);
  void send_prepared(const std::string& name, const std::vector<const char*>& parameters);

  // Nothing more comes. What was sent has to be read with next(), and then read_end().
  void send_end();

  // Waits for the next answer: also one that tells an error, or that the statement was left out
  // because one before it had failed.
  libpq_result next();
  void read_end();

private:
  [[noreturn]] void broken() const;
  void check_sent(int good);

  pg_conn* connection_;
};

// What the answer tells of a failure; nothing: the statement went well. Throws database_error
// (lost) when it is libpq that tells it.
std::optional<database_error> error_of(const pg_result& answer);

} // namespace ledgerd
