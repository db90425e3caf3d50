// Programs beside the private servers: a connection pooler, and a standby that can be promoted.
//
// Each lives in a temporary directory on a free loopback port and ends with its object. Every
// function waits until its work is done and throws std::runtime_error when it cannot be done.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/private_servers.hpp"

namespace ledgerd::test {

// PgBouncer in front of a database of the private servers.
class pooler {
public:
  // `mode`: session, transaction or statement; `settings`: further lines of its configuration.
  pooler(const std::string& database_url, const std::string& mode, const std::string& settings);
  ~pooler();

  pooler(const pooler&) = delete;
  pooler& operator=(const pooler&) = delete;

  // The same database through the pooler.
  const std::string& url() const noexcept { return url_; }

  // While it runs, also for those who are connected; it takes a moment.
  void switch_mode(const std::string& mode);

private:
  std::string directory_;
  std::string url_;
};

// A hot standby of private servers, made with pg_basebackup; all of them then wait for it at
// COMMIT.
class standby {
public:
  explicit standby(private_servers& primary);
  ~standby();

  standby(const standby&) = delete;
  standby& operator=(const standby&) = delete;

  std::uint16_t port() const noexcept { return port_; }

  void promote();

  // SIGSTOP, or SIGCONT, to every process of the primary.
  void freeze_primary(bool on);

private:
  std::string primary_data_;
  std::string directory_;
  std::uint16_t port_ = 0;
};

// Leaves a server of private servers, stopped, without a transaction id to give: after
// `start_again` it takes no writes until VACUUM has moved its oldest.
void exhaust_transaction_ids(const private_servers& of);

} // namespace ledgerd::test
