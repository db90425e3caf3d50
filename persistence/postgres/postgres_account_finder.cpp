#include <string>
#include <utility>

#include "domain/opening.hpp"
#include "persistence/openings.hpp"
#include "persistence/postgres/array_literal.hpp"
#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/kept_session.hpp"
#include "persistence/postgres/posting_rows.hpp"

namespace ledgerd {

namespace {

// The account's columns behind those of its first row, which are null when that is missing.
const statement find_accounts{
    "find_accounts",
    "SELECT t.id, t.record_id, a.user_id, a.currency, t.seq, t.type, t.amount, t.reason, "
    "t.balance_after, (extract(epoch FROM t.created_at) * 1000000)::bigint, a.balance, a.seq "
    "FROM unnest($1::text[], $2::text[]) AS k (user_id, currency) "
    "JOIN ledger.accounts AS a ON a.user_id = k.user_id COLLATE \"C\" "
    "AND a.currency = k.currency COLLATE \"C\" "
    "LEFT JOIN ledger.transactions AS t ON t.user_id = a.user_id AND t.currency = a.currency "
    "AND t.seq = 1"};

class postgres_account_finder final : public account_finder {
public:
  explicit postgres_account_finder(url_source database_url)
      : session_(std::move(database_url), schema::ledger, {}, {find_accounts}) {}

  std::vector<present_account> find(const std::vector<account_key>& accounts) override {
    array_literal users;
    array_literal currencies;
    for (const auto& [user, currency] : accounts) {
      users.add(user);
      currencies.add(currency.text());
    }
    const auto found = session_.run([&](database& session) {
      return session.exec(find_accounts, {users.c_str(), currencies.c_str()});
    });
    std::vector<present_account> result;
    result.reserve(found.size());
    for (std::size_t row = 0; row < found.size(); ++row)
      result.push_back(read(found, row));
    return result;
  }

private:
  static present_account read(const rows& found, std::size_t row) {
    constexpr int user_column = 2;
    present_account one{read_account_key(found, row, user_column),
                        {money{found.integer(row, posting_column_count)},
                         found.integer(row, posting_column_count + 1)},
                        std::nullopt};
    if (!found.is_null(row, 0))
      one.first = read_posting(found, row);
    return one;
  }

  kept_session session_;
};

} // namespace

std::int64_t began_beside_another(const std::string& database_url) {
  constexpr std::chrono::minutes patience{30}; // it may look at each row
  database session(any_server_connection_string(database_url));
  session.run("SET statement_timeout = 0");
  session.limit_calls(patience);
  return session
      .run("SELECT CASE WHEN EXISTS (SELECT FROM ledger.transactions "
           "WHERE seq = 1 AND record_id BETWEEN "
           + std::to_string(opening_id_first) + " AND " + std::to_string(opening_id_last)
           + ") THEN (extract(epoch FROM (SELECT min(created_at) FROM ledger.transactions)) "
             "* 1000000)::bigint ELSE 0 END")
      .integer(0, 0);
}

std::unique_ptr<account_finder> make_postgres_account_finder(url_source database_url) {
  return std::make_unique<postgres_account_finder>(std::move(database_url));
}

} // namespace ledgerd
