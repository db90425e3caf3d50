// Private PostgreSQL and nats-server for one test, through `./dev servers`.
//
// They live in a temporary directory on free loopback ports and end with the object; when the test
// process dies in any way before that, a watcher removes them. Every function waits until its work
// is done and throws std::runtime_error when it cannot be done. One object belongs to one thread.
#pragma once

#include <string>

namespace ledgerd::test {

class private_servers {
public:
  enum class which { both, nats, postgres };

  explicit private_servers(which wanted = which::both);
  ~private_servers();

  private_servers(const private_servers&) = delete;
  private_servers& operator=(const private_servers&) = delete;

  // The same for the life of the object. Empty for a server that was not asked for.
  const std::string& nats_url() const noexcept { return nats_url_; }
  const std::string& database_url() const noexcept { return database_url_; }

  // The URL of a new, empty database on the private server, owned by the role of `database_url`. It
  // replaces nothing: every call makes another one.
  std::string fresh_database();

  // Runs statements on a database of this server, as its superuser, and returns what psql prints
  // (unaligned, no headers).
  std::string sql(const std::string& database_url, const std::string& statements) const;

  // SIGKILL to the server, for PostgreSQL to all of its processes; clients see their connections
  // break.
  void kill_nats();
  void kill_postgres();

  // Starts whatever is dead again, on the same ports and with the data that was on disk.
  void start_again();

  // Where they live: logs, pid files.
  const std::string& directory() const noexcept { return directory_; }

private:
  void start();

  which wanted_;
  std::string directory_;
  std::string nats_url_;
  std::string database_url_;
  int databases_made_ = 0;
};

} // namespace ledgerd::test
