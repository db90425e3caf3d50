#include <algorithm>
#include <map>
#include <thread>
#include <tuple>
#include <utility>

#include "persistence/locks.hpp"
#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/database.hpp"
#include "persistence/schema_names.hpp"

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;

constexpr auto look_every = std::chrono::milliseconds(100);

// pg_locks shows every role everything, pg_stat_activity pid, user and application of all sessions.
const std::string sessions_and_locks =
    "WITH session AS MATERIALIZED (SELECT pid, usesysid, usename, application_name, state, "
    "xact_start, datname = current_database() AND application_name IN ('ledgerd', "
    "current_setting('application_name')) AS ours FROM pg_stat_activity), "
    "lock AS MATERIALIZED (SELECT * FROM pg_locks), "
    // The lock that each transaction has on itself.
    "present AS (SELECT pid, virtualtransaction FROM lock WHERE locktype = 'virtualxid' AND "
    "granted AND mode = 'ExclusiveLock'), "
    // Prepared transactions have no session; the lock that each has on itself names its other ones.
    "prepared AS (SELECT p.gid, p.owner, p.prepared, p.transaction, t.virtualtransaction "
    "FROM pg_prepared_xacts AS p JOIN lock AS t ON t.locktype = 'transactionid' AND t.pid IS NULL "
    "AND t.transactionid = p.transaction WHERE p.database = current_database()), "
    "blocked AS (SELECT b.pid AS by, coalesce(p.gid, '') AS gid, w.pid, w.waitstart "
    "FROM lock AS w JOIN session AS s ON s.pid = w.pid AND s.ours "
    "CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS b (pid) "
    "LEFT JOIN prepared AS p ON b.pid = 0 AND (p.transaction = w.transactionid OR EXISTS ("
    "SELECT FROM lock AS l WHERE l.pid IS NULL AND l.virtualtransaction = p.virtualtransaction "
    "AND l.database = w.database AND l.relation = w.relation AND l.locktype = w.locktype "
    "AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))) "
    "WHERE NOT w.granted), ";

// Locks that let rows be read and refuse that they are changed.
const std::string lock_modes = "('RowShareLock', 'RowExclusiveLock', 'ShareLock', "
                               "'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')";

// Who waits first for a row holds a lock on its place.
const std::string holders =
    "SELECT coalesce(b.by, h.pid), coalesce(s.usename, p.owner), s.application_name, "
    "v.virtualtransaction, p.gid, s.state, "
    "(extract(epoch FROM coalesce(s.xact_start, p.prepared)) * 1000000)::bigint, "
    "CASE WHEN current_setting('is_superuser') = 'on' THEN 0 "
    "WHEN s.usesysid IS NULL OR r.rolsuper THEN 2 "
    "WHEN pg_has_role(s.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE') THEN 0 "
    "ELSE 1 END, "
    "b.pid, (extract(epoch FROM clock_timestamp() - b.waitstart) * 1000)::bigint, "
    "n.nspname, c.relname, '(' || t.page || ',' || t.tuple || ')' "
    "FROM blocked AS b FULL JOIN holding AS h ON h.pid = b.by AND h.gid = b.gid "
    "LEFT JOIN session AS s ON s.pid = coalesce(b.by, h.pid) "
    "LEFT JOIN present AS v ON v.pid = s.pid "
    "LEFT JOIN pg_roles AS r ON r.oid = s.usesysid "
    "LEFT JOIN prepared AS p ON p.gid = coalesce(b.gid, h.gid) AND coalesce(b.by, h.pid) = 0 "
    "LEFT JOIN lock AS t ON t.pid = b.pid AND t.locktype = 'tuple' AND t.granted "
    "LEFT JOIN pg_class AS c ON c.oid = t.relation LEFT JOIN pg_namespace AS n "
    "ON n.oid = c.relnamespace WHERE NOT s.ours OR coalesce(b.by, h.pid) = 0 ORDER BY 1, b.pid";

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

// Tables may be locked in both schemas. A blocker may hold a lock of another kind; once it was
// seen, it is looked for by its transaction.
std::string look_query(const std::vector<std::string>& transactions) {
  auto query =
      sessions_and_locks
      + "holding AS (SELECT DISTINCT coalesce(l.pid, 0) AS pid, coalesce(p.gid, '') AS gid "
        "FROM lock AS l LEFT JOIN prepared AS p ON l.pid IS NULL AND "
        "p.virtualtransaction = l.virtualtransaction "
        "JOIN pg_class AS c ON c.oid = l.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE l.granted AND l.locktype "
        "= 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = "
        "current_database()) AND n.nspname IN ("
      + in_quotes(schema_name(schema::ledger)) + ", " + in_quotes(schema_name(schema::account))
      + ") AND l.mode IN " + lock_modes;
  if (!transactions.empty()) {
    query += " UNION SELECT pid, '' FROM present WHERE virtualtransaction IN (";
    for (std::size_t i = 0; i < transactions.size(); ++i)
      query += (i == 0 ? "" : ", ") + in_quotes(transactions[i]);
    query += ")";
  }
  return query + ") " + holders;
}

std::string text_at(const rows& found, std::size_t row, int column) {
  return found.is_null(row, column) ? std::string() : one_line_of(found.text(row, column), 256);
}

lock_holder read_holder(const rows& found, std::size_t row) {
  lock_holder result;
  result.session = {found.integer(row, 0), text_at(found, row, 1), text_at(found, row, 2)};
  result.transaction = text_at(found, row, 3);
  result.prepared = text_at(found, row, 4);
  if (!found.is_null(row, 5))
    result.state = text_at(found, row, 5);
  if (!found.is_null(row, 6))
    result.since = database_time{found.integer(row, 6)};
  result.right = static_cast<end_right>(found.integer(row, 7));
  return result;
}

void add_blocked(lock_holder& holder, blocked_session whom) {
  auto& all = holder.blocked;
  const auto known =
      std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.pid == whom.pid; });
  if (known == all.end())
    all.push_back(whom);
  else
    known->waits = std::max(known->waits, whom.waits);
}

class postgres_lock_watch final : public lock_watch {
public:
  explicit postgres_lock_watch(const std::string& database_url)
      : session_(connection_string(database_url)) {}

  std::string database() override {
    const auto found = session_.run(
        "SELECT oid::text || '/' || extract(epoch FROM pg_postmaster_start_time()) || '/' || "
        "coalesce(host(inet_server_addr()), '') || '/' || coalesce(inet_server_port(), 0) "
        "FROM pg_database WHERE datname = current_database()");
    return std::string(found.text(0, 0));
  }

  std::vector<lock_holder> look(std::chrono::milliseconds patience) override;
  session_kind kind_of(std::int64_t pid) override;
  end_outcome end(const lock_holder& whom, std::chrono::milliseconds patience) override;

private:
  using key = std::tuple<std::int64_t, std::string, std::string>;

  void look_once(std::map<key, lock_holder>& known);
  std::string row_text(const rows& found, std::size_t row);

  ledgerd::database session_;
  std::map<std::string, std::string> row_texts_; // by table and place
};

// What stands at a place of a table; empty: this role may not see it, or it is no row of interest.
std::string postgres_lock_watch::row_text(const rows& found, std::size_t row) {
  if (found.is_null(row, 12))
    return {};
  const auto schema_of = found.text(row, 10), table = found.text(row, 11);
  const bool account = schema_of == schema_name(schema::ledger) && table == "accounts";
  const bool record = schema_of == schema_name(schema::account) && table == "transaction_records";
  if (!account && !record)
    return {};
  const std::string place(found.text(row, 12));
  const auto [known, is_new] = row_texts_.try_emplace((account ? "a" : "r") + place);
  if (!is_new)
    return known->second;
  try {
    const auto there =
        session_.run((account ? "SELECT user_id || ' ' || currency FROM ledger.accounts"
                              : "SELECT id::text FROM account.transaction_records")
                     + (" WHERE ctid = " + in_quotes(place)));
    if (there.size() > 0)
      known->second = (account ? "account " : "record ") + text_at(there, 0, 0);
  } catch (const database_error& error) {
    if (!error.denied())
      throw;
  }
  return known->second;
}

void postgres_lock_watch::look_once(std::map<key, lock_holder>& known) {
  std::vector<std::string> transactions;
  for (const auto& [name, each] : known)
    if (!each.transaction.empty())
      transactions.push_back(each.transaction);
  const auto found = session_.run(look_query(transactions));
  std::map<key, lock_holder> now;
  for (std::size_t row = 0; row < found.size(); ++row) {
    auto read = read_holder(found, row);
    const key name{read.session.pid, read.transaction, read.prepared};
    auto& holder = now.try_emplace(name, std::move(read)).first->second;
    if (found.is_null(row, 8))
      continue;
    add_blocked(holder,
                {found.integer(row, 8),
                 std::chrono::milliseconds(found.is_null(row, 9) ? 0 : found.integer(row, 9))});
    if (auto what = row_text(found, row);
        !what.empty()
        && std::find(holder.rows.begin(), holder.rows.end(), what) == holder.rows.end())
      holder.rows.push_back(std::move(what));
  }
  for (auto& [name, before] : known) {
    const auto still = now.find(name);
    if (still == now.end())
      continue;
    for (const auto& each : before.blocked)
      add_blocked(still->second, each);
    for (auto& each : before.rows)
      if (auto& all = still->second.rows; std::find(all.begin(), all.end(), each) == all.end())
        all.push_back(std::move(each));
  }
  known = std::move(now);
}

std::vector<lock_holder> postgres_lock_watch::look(std::chrono::milliseconds patience) {
  const auto until = clock::now() + patience;
  std::map<key, lock_holder> known;
  const auto all_block = [&] {
    return std::all_of(known.begin(), known.end(),
                       [](const auto& each) { return !each.second.blocked.empty(); });
  };
  for (look_once(known); !all_block() && clock::now() < until; look_once(known))
    std::this_thread::sleep_for(look_every);
  std::vector<lock_holder> result;
  for (auto& [name, each] : known)
    result.push_back(std::move(each));
  return result;
}

session_kind postgres_lock_watch::kind_of(std::int64_t pid) {
  const auto found = session_.run("SELECT application_name IN ('ledgerd', "
                                  "current_setting('application_name')) FROM pg_stat_activity "
                                  "WHERE datname = current_database() AND pid = "
                                  + std::to_string(pid));
  if (found.size() == 0)
    return session_kind::none;
  return found.text(0, 0) == "t" ? session_kind::ours : session_kind::other;
}

end_outcome postgres_lock_watch::end(const lock_holder& whom, std::chrono::milliseconds patience) {
  const auto pid = std::to_string(whom.session.pid);
  try {
    const auto told =
        session_.run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE pid = " + pid
                     + " AND locktype = 'virtualxid' AND granted AND mode = "
                       "'ExclusiveLock' AND virtualtransaction = "
                     + in_quotes(whom.transaction));
    if (told.size() == 0 || told.text(0, 0) != "t")
      return end_outcome::gone;
  } catch (const database_error& error) {
    if (error.denied())
      return end_outcome::denied;
    throw;
  }
  for (const auto until = clock::now() + patience;;
       std::this_thread::sleep_for(std::chrono::milliseconds(20))) {
    if (session_.run("SELECT FROM pg_stat_activity WHERE pid = " + pid).size() == 0)
      return end_outcome::ended;
    if (clock::now() >= until)
      return end_outcome::stays;
  }
}

} // namespace

std::string to_text(const session_name& whose) {
  auto result = "session " + std::to_string(whose.pid);
  if (!whose.user.empty())
    result += " of the user " + whose.user;
  return result + (whose.application.empty() ? "" : " (" + whose.application + ")");
}

std::unique_ptr<lock_watch> make_postgres_lock_watch(const url_source& database_url) {
  return std::make_unique<postgres_lock_watch>(database_url());
}

} // namespace ledgerd
