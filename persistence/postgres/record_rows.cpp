#include "persistence/postgres/record_rows.hpp"

#include "persistence/postgres/posting_rows.hpp"

namespace ledgerd {

transaction_record read_record(const rows& answer, std::size_t row) try {
  const auto type = answer.text(row, 3);
  const auto status = answer.text(row, 5);
  transaction_record result{
      .id = record_id{answer.integer(row, 0)},
      .asked = {read_account_key(answer, row, 1), known_word(parse_movement(type), "type", type),
                money{answer.integer(row, 4)}},
      .status = known_word(parse_record_status(status), "status", status),
      .reason = std::string(answer.text(row, 7)), // NULL reads as empty
      .created_at = database_time{answer.integer(row, 9)},
      .updated_at = database_time{answer.integer(row, 10)},
  };
  if (!answer.is_null(row, 6))
    result.transaction = transaction_id{answer.integer(row, 6)};
  if (!answer.is_null(row, 8))
    result.balance_after = money{answer.integer(row, 8)};
  return result;
} catch (const std::runtime_error& why) {
  unreadable_row("record " + std::string(answer.text(row, 0)), "account.transaction_records",
                 why.what());
}

} // namespace ledgerd
