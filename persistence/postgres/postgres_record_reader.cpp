#include <chrono>

#include "persistence/postgres/kept_session.hpp"
#include "persistence/postgres/probe.hpp"
#include "persistence/postgres/record_rows.hpp"
#include "persistence/postgres/schema_text.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

namespace {

constexpr auto probe_limit = std::chrono::milliseconds(900);

// Nothing is prepared: a database without the schema is answered, not refused.
class postgres_record_reader final : public record_reader {
public:
  explicit postgres_record_reader(const url_source& account_database_url)
      : session_(account_database_url, schema::account, {}, {}),
        probe_(account_database_url, schema::account) {}

  bool exists() override {
    return !ask("SELECT to_regnamespace('" + schema_identifier(schema::account) + "')")
                .is_null(0, 0);
  }

  std::vector<audited_record> after(record_id id, std::size_t limit) override {
    const auto answer =
        ask("SELECT " + record_columns
            + ", fingerprint, after_transaction FROM account.transaction_records WHERE id > "
            + std::to_string(to_int(id)) + " ORDER BY id LIMIT " + std::to_string(limit));
    std::vector<audited_record> result;
    result.reserve(answer.size());
    constexpr int after_column = record_column_count + 1;
    for (std::size_t row = 0; row < answer.size(); ++row) {
      result.push_back({read_record(answer, row), answer.integer(row, record_column_count)});
      if (!answer.is_null(row, after_column))
        result.back().after_transaction = transaction_id{answer.integer(row, after_column)};
    }
    return result;
  }

  std::vector<record_id> missing(const std::vector<record_id>& ids) override {
    std::string list;
    for (const auto id : ids)
      list.append(list.empty() ? "" : ",").append(std::to_string(to_int(id)));
    const auto answer =
        ask("SELECT id FROM unnest('{" + list
            + "}'::bigint[]) WITH ORDINALITY AS asked (id, place) WHERE NOT EXISTS "
              "(SELECT FROM account.transaction_records AS r WHERE r.id = asked.id) "
              "ORDER BY place");
    std::vector<record_id> result;
    for (std::size_t row = 0; row < answer.size(); ++row)
      result.push_back(record_id{answer.integer(row, 0)});
    return result;
  }

  bool writable() override { return write_fault().empty(); }
  std::string write_fault() override { return probe_.fault(probe_limit); }

private:
  // Runs `query` on the session; one that fails is thrown away.
  rows ask(const std::string& query) {
    try {
      return session_.run([&](database& session) { return session.run(query); });
    } catch (...) {
      session_.drop();
      throw;
    }
  }

  kept_session session_;
  probe probe_;
};

} // namespace

std::unique_ptr<record_reader> make_postgres_record_reader(const url_source& account_database_url) {
  return std::make_unique<postgres_record_reader>(account_database_url);
}

} // namespace ledgerd
