// A quick look whether a database accepts writes, within a time limit that also holds when the
// server hangs.
//
// libpqxx 6.4 cannot wait with a limit, so this one place uses libpq itself, without blocking. One
// thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

struct pg_conn;

namespace ledgerd {

class probe {
public:
  explicit probe(std::string connection_string);
  ~probe();

  // Waits at most `limit`, not counting the resolution of a host name. Keeps its connection for the
  // next time.
  bool writable(std::chrono::milliseconds limit);

private:
  using time_point = std::chrono::steady_clock::time_point;

  bool connect(time_point deadline);
  bool ask(time_point deadline);

  struct closer {
    void operator()(pg_conn* connection) const noexcept;
  };
  std::string connection_string_;
  std::unique_ptr<pg_conn, closer> connection_;
};

} // namespace ledgerd
