#include "persistence/shadow_mark.hpp"

#include <memory>
#include <thread>
#include <utility>

#include "domain/opening.hpp"
#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

namespace {

bool is_marked(database& session) {
  return !session.run("SELECT to_regclass('ledger.shadow')").is_null(0, 0);
}

// The server finds out by itself that a host is gone, or the lock would outlive it for hours.
constexpr const char* short_keepalives = "SET tcp_keepalives_idle = 10; "
                                         "SET tcp_keepalives_interval = 5; "
                                         "SET tcp_keepalives_count = 3";

class postgres_shadow_claim final : public shadow_claim {
public:
  explicit postgres_shadow_claim(url_source url) : url_(std::move(url)) {}

  std::string hold(std::chrono::milliseconds patience) override {
    if (session_ && session_->alive())
      return {};
    session_.reset();
    auto fresh = std::make_unique<database>(any_server_connection_string(url_()));
    fresh->run(short_keepalives);
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!take(*fresh)) {
      if (std::chrono::steady_clock::now() >= until)
        return "another shadow works in this database; give each one a database of its own, or "
               "stop the other";
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    session_ = std::move(fresh);
    return {};
  }

private:
  static bool take(database& session) {
    return session.run("SELECT pg_try_advisory_lock(hashtext('ledger.shadow'), 4803001)").text(0, 0)
           == "t";
  }

  const url_source url_;
  std::unique_ptr<database> session_; // has the lock; null: nobody of this process has
};

bool any(database& session, const std::string& what) {
  return session.run("SELECT " + what + " LIMIT 1").size() > 0;
}

// By the ends of an index: a look through the rows would pass all that an import has opened first.
bool has_decided(database& session) {
  return any(session, "WHERE (SELECT min(record_id) FROM ledger.transactions) < "
                          + std::to_string(opening_id_first)
                          + " OR (SELECT max(record_id) FROM ledger.transactions) > "
                          + std::to_string(opening_id_last));
}

// 0: an earlier version has made the table and noted no time, or this role may not read it.
std::int64_t noted_since(database& session) {
  try {
    const auto found = session.run(
        "SELECT coalesce((extract(epoch FROM min(since)) * 1e9)::bigint, 0) FROM ledger.shadow");
    return std::stoll(std::string(found.text(0, 0)));
  } catch (const database_error& error) {
    if (error.fault() != database_fault::refused)
      throw;
    return 0;
  }
}

} // namespace

bool is_shadow_database(const std::string& database_url) {
  database session(any_server_connection_string(database_url));
  return is_marked(session);
}

std::string claim_for_shadow(const std::string& database_url) {
  database session(any_server_connection_string(database_url));
  if (is_marked(session))
    return {};
  if (has_decided(session))
    return "the database holds what a daemon has decided; a shadow needs one of its own";
  if (any(session, "FROM pg_stat_activity WHERE datname = current_database() "
                   "AND application_name = 'ledgerd' AND pid <> pg_backend_pid()"))
    return "another ledgerd is connected to the database; a shadow needs one of its own";
  try {
    session.run("CREATE TABLE IF NOT EXISTS ledger.shadow "
                "(since timestamptz NOT NULL DEFAULT now()); "
                "INSERT INTO ledger.shadow DEFAULT VALUES; "
                "COMMENT ON TABLE ledger.shadow IS 'The rows of this schema are a shadow''s: "
                "nobody was told of them.'");
  } catch (const database_error& error) {
    if (error.fault() != database_fault::refused)
      throw;
    return std::string("the database cannot be marked as a shadow's: ") + error.what()
           + "; let the owner of the schema start the shadow once";
  }
  return {};
}

shadow_past read_shadow_past(const std::string& database_url) {
  database session(any_server_connection_string(database_url));
  return {.since_ns = noted_since(session), .decided = has_decided(session)};
}

std::unique_ptr<shadow_claim> make_shadow_claim(url_source database_url) {
  return std::make_unique<postgres_shadow_claim>(std::move(database_url));
}

} // namespace ledgerd
