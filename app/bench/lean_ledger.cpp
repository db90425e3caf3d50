#include "app/bench/lean_ledger.hpp"

#include <charconv>
#include <cstring>
#include <libpq-fe.h>
#include <stdexcept>
#include <vector>

#include "domain/plan.hpp"

namespace ledgerd {

namespace {

constexpr auto tables = R"(
DROP SCHEMA IF EXISTS one_by_one CASCADE;
CREATE SCHEMA one_by_one;
CREATE TABLE one_by_one.accounts (
  user_id text, currency text, balance bigint NOT NULL, PRIMARY KEY (user_id, currency));
CREATE TABLE one_by_one.transactions (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  record_id bigint NOT NULL UNIQUE,
  user_id text NOT NULL, currency text NOT NULL, type text NOT NULL,
  amount bigint NOT NULL, status text NOT NULL, balance_after bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now());
)";

struct prepared {
  const char* name;
  const char* text;
};

constexpr prepared statements[] = {
    {"known",
     "SELECT id, balance_after, status, (extract(epoch FROM created_at) * 1000000)::bigint "
     "FROM one_by_one.transactions WHERE record_id = $1"},
    {"open", "INSERT INTO one_by_one.accounts VALUES ($1, $2, 0) ON CONFLICT DO NOTHING"},
    {"lock",
     "SELECT balance FROM one_by_one.accounts WHERE user_id = $1 AND currency = $2 FOR UPDATE"},
    {"row", "INSERT INTO one_by_one.transactions (record_id, user_id, currency, type, amount, "
            "status, balance_after) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id, (extract(epoch FROM created_at) * "
            "1000000)::bigint"},
    {"move", "UPDATE one_by_one.accounts SET balance = $3 WHERE user_id = $1 AND currency = $2"},
};

std::int64_t number(const pg_result* from, int column) {
  const auto* text = PQgetvalue(from, 0, column);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  if (error != std::errc{} || *end != '\0')
    throw std::runtime_error{"bench: the database answered no number"};
  return value;
}

} // namespace

void lean_ledger::closer::operator()(pg_conn* connection) const noexcept {
  PQfinish(connection);
}

void lean_ledger::closer::operator()(pg_result* result) const noexcept {
  PQclear(result);
}

lean_ledger::lean_ledger(const std::string& database_url)
    : connection_{PQconnectdb(database_url.c_str())} {
  if (PQstatus(connection_.get()) != CONNECTION_OK)
    throw std::runtime_error{"bench: the database cannot be reached"};
}

void lean_ledger::make_tables(const std::string& database_url) {
  lean_ledger session{database_url};
  session.run("SET client_min_messages = warning");
  session.run(tables);
}

std::int64_t lean_ledger::rows(const std::string& database_url) {
  lean_ledger session{database_url};
  const auto found = session.run("SELECT count(*) FROM one_by_one.transactions");
  return number(found.get(), 0);
}

lean_ledger::result lean_ledger::checked(pg_result* raw) const {
  result owned{raw};
  const auto status = PQresultStatus(raw);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    throw std::runtime_error{std::string{"bench: "} + PQerrorMessage(connection_.get())};
  return owned;
}

lean_ledger::result lean_ledger::run(const char* statement) {
  return checked(PQexec(connection_.get(), statement));
}

lean_ledger::result lean_ledger::run_prepared(const char* name,
                                              std::initializer_list<std::string> values) {
  std::vector<const char*> pointers;
  for (const auto& value : values)
    pointers.push_back(value.c_str());
  return checked(PQexecPrepared(connection_.get(), name, static_cast<int>(pointers.size()),
                                pointers.data(), nullptr, nullptr, 0));
}

posting lean_ledger::apply(const entry& asked) {
  if (!prepared_) {
    for (const auto& each : statements)
      checked(PQprepare(connection_.get(), each.name, each.text, 0, nullptr));
    prepared_ = true;
  }
  const auto& user = asked.account.user_id;
  const std::string currency{asked.account.currency.text()};
  const auto record = std::to_string(to_int(asked.id));
  posting row;
  row.record = asked.id;
  row.account = asked.account;
  row.type = asked.type;
  row.amount = asked.amount;
  run("BEGIN");
  if (const auto known = run_prepared("known", {record}); PQntuples(known.get()) == 1) {
    row.id = transaction_id{number(known.get(), 0)};
    row.balance_after = money{number(known.get(), 1)};
    row.verdict = std::strcmp(PQgetvalue(known.get(), 0, 2), "SUCCESS") == 0
                      ? outcome::applied
                      : outcome::insufficient_funds;
    row.created_at = database_time{number(known.get(), 3)};
    run("COMMIT");
    return row;
  }
  auto account = run_prepared("lock", {user, currency});
  if (PQntuples(account.get()) == 0) {
    run_prepared("open", {user, currency});
    account = run_prepared("lock", {user, currency});
  }
  const auto decided = decide(money{number(account.get(), 0)}, asked.type, asked.amount);
  row.verdict = decided.verdict;
  row.balance_after = decided.balance_after;
  const auto balance = std::to_string(decided.balance_after.minor_units());
  const auto written =
      run_prepared("row", {record, user, currency, std::string{to_text(asked.type)},
                           std::to_string(asked.amount.minor_units()),
                           std::string{status_text(row.verdict)}, balance});
  row.id = transaction_id{number(written.get(), 0)};
  row.created_at = database_time{number(written.get(), 1)};
  if (row.verdict == outcome::applied)
    run_prepared("move", {user, currency, balance});
  run("COMMIT");
  return row;
}

} // namespace ledgerd
