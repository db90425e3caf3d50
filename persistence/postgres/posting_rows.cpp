#include "persistence/postgres/posting_rows.hpp"

#include "persistence/postgres/schema_text.hpp"

namespace ledgerd {

void unreadable_row(const std::string& whose, std::string_view table, std::string_view why) {
  throw database_error(database_fault::blocked, "the row of " + whose
                                                    + in_schemas(" in " + std::string(table))
                                                    + " cannot be read: " + std::string(why));
}

account_key read_account_key(const rows& answer, std::size_t row, int column) {
  const auto code = answer.text(row, column + 1);
  return {std::string(answer.text(row, column)),
          known_word(currency_code::parse(code), "currency", code)};
}

posting read_posting(const rows& answer, std::size_t row) try {
  const auto type = answer.text(row, 5);
  const auto reason = answer.text(row, 7);
  return posting{
      .id = transaction_id{answer.integer(row, 0)},
      .record = record_id{answer.integer(row, 1)},
      .account = read_account_key(answer, row, 2),
      .seq = answer.integer(row, 4),
      .type = known_word(parse_movement(type), "type", type),
      .amount = money{answer.integer(row, 6)},
      .verdict = answer.is_null(row, 7) ? outcome::applied
                                        : known_word(parse_reason(reason), "reason", reason),
      .balance_after = money{answer.integer(row, 8)},
      .created_at = database_time{answer.integer(row, 9)},
  };
} catch (const std::runtime_error& why) {
  unreadable_row("record " + std::string(answer.text(row, 1)), "ledger.transactions", why.what());
}

} // namespace ledgerd
