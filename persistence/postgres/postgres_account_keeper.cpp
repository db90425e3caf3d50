#include <string>
#include <type_traits>
#include <utility>

#include "persistence/postgres/array_literal.hpp"
#include "persistence/postgres/currency_rows.hpp"
#include "persistence/postgres/kept_session.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

namespace {

const statement kept_currencies{"kept_currencies",
                                "SELECT code, exponent FROM account.currencies ORDER BY code"};

const statement keep_currencies{
    "keep_currencies", "INSERT INTO account.currencies (code, exponent) "
                       "SELECT * FROM unnest($1::text[], $2::smallint[]) ON CONFLICT DO NOTHING"};

const statement read_last_id{"read_last_id",
                             "SELECT last_value FROM account.transaction_records_id_seq"};

const statement has_record{
    "has_record", "SELECT EXISTS (SELECT FROM account.transaction_records WHERE id = $1::bigint)"};

class postgres_account_keeper final : public account_keeper {
public:
  explicit postgres_account_keeper(url_source account_database_url)
      : session_(std::move(account_database_url), schema::account, {},
                 {kept_currencies, keep_currencies, read_last_id, has_record}) {}

  std::vector<currency> currencies() override {
    return read_currency_rows(ask(kept_currencies, {}), "account.currencies");
  }

  void keep(const std::vector<currency>& rows) override {
    array_literal codes, exponents;
    for (const auto& row : rows) {
      codes.add(row.code.text());
      exponents.add(std::int64_t{row.exponent});
    }
    if (!rows.empty())
      with_session([&](database& session) {
        session.begin({}, {{keep_currencies, {codes.c_str(), exponents.c_str()}}});
        session.commit();
      });
  }

  record_id last_id() override { return record_id{ask(read_last_id, {}).integer(0, 0)}; }

  bool has(record_id id) override {
    return ask(has_record, {std::to_string(to_int(id)).c_str()}).text(0, 0) == "t";
  }

private:
  rows ask(const statement& prepared, std::initializer_list<const char*> parameters) {
    return with_session([&](database& session) { return session.exec(prepared, parameters); });
  }

  // A session that fails is thrown away.
  template <class Work>
  std::invoke_result_t<Work, database&> with_session(Work work) {
    try {
      return session_.run(work);
    } catch (...) {
      session_.drop();
      throw;
    }
  }

  kept_session session_;
};

} // namespace

std::unique_ptr<account_keeper> make_postgres_account_keeper(url_source account_database_url) {
  return std::make_unique<postgres_account_keeper>(std::move(account_database_url));
}

} // namespace ledgerd
