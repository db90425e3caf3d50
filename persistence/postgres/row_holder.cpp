#include "persistence/postgres/row_holder.hpp"

#include <string>

namespace ledgerd {

// A row names the transaction that has locked it; of several that share a lock it names their
// group, whose number is no transaction's that has the table locked.
const statement& row_holder_question() {
  static const statement question{
      "row_holder",
      "SELECT s.pid, s.usename, s.application_name FROM ledger.accounts AS a "
      "JOIN pg_locks AS x ON x.locktype = 'transactionid' AND x.granted AND x.transactionid = "
      "a.xmax "
      "JOIN pg_locks AS t ON t.locktype = 'relation' AND t.granted AND t.pid = x.pid "
      "AND t.relation = a.tableoid AND t.mode IN ('RowShareLock', 'RowExclusiveLock') "
      "JOIN pg_stat_activity AS s ON s.pid = x.pid "
      "WHERE a.user_id = $1 AND a.currency = $2 LIMIT 1"};
  return question;
}

namespace {

// Who waits for such a lock keeps out whoever comes after it.
statement holder_of_tables(const std::string& tables) {
  return {"table_holder",
          "SELECT coalesce(t.pid, 0), s.usename, s.application_name FROM pg_locks AS t "
          "LEFT JOIN pg_stat_activity AS s ON s.pid = t.pid WHERE t.locktype = 'relation' "
          "AND t.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
          "AND t.relation IN ("
              + tables
              + ") AND t.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', "
                "'AccessExclusiveLock') AND t.pid IS DISTINCT FROM pg_backend_pid() "
                "ORDER BY t.granted DESC LIMIT 1"};
}

} // namespace

const statement& table_holder_question() {
  static const auto question =
      holder_of_tables("'ledger.accounts'::regclass, 'ledger.transactions'::regclass");
  return question;
}

const statement& record_table_holder_question() {
  static const auto question = holder_of_tables("'account.transaction_records'::regclass");
  return question;
}

std::optional<session_name> read_row_holder(const rows& found) {
  if (found.size() == 0)
    return std::nullopt;
  const auto text = [&](int column) {
    return found.is_null(0, column) ? std::string() : one_line_of(found.text(0, column), 256);
  };
  return session_name{found.integer(0, 0), text(1), text(2)};
}

} // namespace ledgerd
