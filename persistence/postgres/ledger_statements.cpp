#include "persistence/postgres/ledger_statements.hpp"

#include <stdexcept>
#include <string>

#include "domain/assert.hpp"
#include "persistence/postgres/posting_rows.hpp"
#include "persistence/postgres/row_holder.hpp"

namespace ledgerd {

namespace {

// Ids mostly grow: one beyond the greatest is new, and one look at that spares most of them their
// own.
const statement find_known{"find_known",
                           "SELECT " + posting_columns
                               + ", status FROM ledger.transactions WHERE record_id = ANY (ARRAY("
                                 "SELECT id FROM unnest($1::bigint[]) AS id "
                                 "WHERE id <= (SELECT max(record_id) FROM ledger.transactions)))"};

const std::string select_heads =
    "SELECT k.place, a.balance, a.seq "
    "FROM unnest($1::text[], $2::text[], $3::bigint[]) AS k (user_id, currency, place) "
    "JOIN ledger.accounts AS a ON a.user_id = k.user_id COLLATE \"C\" "
    "AND a.currency = k.currency COLLATE \"C\"";

const statement read_heads{"read_heads", select_heads};

const statement lock_heads{"lock_heads", select_heads
                                             + " ORDER BY a.user_id, a.currency "
                                               "FOR NO KEY UPDATE OF a"};

const statement free_heads{"free_heads", select_heads + " FOR NO KEY UPDATE OF a SKIP LOCKED"};

// The fence: a head that is not the account's any more changes nothing.
const statement move_accounts{
    "move_accounts",
    "UPDATE ledger.accounts AS a SET balance = n.balance, seq = n.seq, updated_at = now() "
    "FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) "
    "AS n (user_id, currency, balance, seq, old_balance, old_seq) "
    "WHERE a.user_id = n.user_id COLLATE \"C\" AND a.currency = n.currency COLLATE \"C\" "
    "AND a.seq = n.old_seq AND a.balance = n.old_balance"};

const statement open_accounts{
    "open_accounts", "INSERT INTO ledger.accounts (user_id, currency, balance, seq) "
                     "SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) "
                     "ON CONFLICT (user_id, currency) DO NOTHING"};

const statement insert_rows{
    "insert_rows",
    "INSERT INTO ledger.transactions "
    "(record_id, user_id, currency, seq, type, amount, status, reason, balance_after, fingerprint) "
    "SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], "
    "$6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::bigint[]) "
    "RETURNING id, record_id"};

constexpr int record_column = 1; // of `posting_columns`

// With the status, which has to agree with the reason.
posting read_whole_posting(const rows& found, std::size_t row) {
  auto stored = read_posting(found, row);
  if (const auto status = found.text(row, posting_column_count);
      status != status_text(stored.verdict))
    unreadable_row("record " + std::to_string(to_int(stored.record)), "ledger.transactions",
                   "its status is '" + one_line_of(status, 64) + "' where "
                       + std::string(status_text(stored.verdict)) + " belongs");
  return stored;
}

template <class... Columns>
void clear_all(Columns&... columns) {
  (columns.clear(), ...);
}

template <class... Columns>
prepared_call call_of(const statement& what, Columns&... columns) {
  return {what, {columns.c_str()...}};
}

} // namespace

std::vector<statement> ledger_statements() {
  return {find_known,
          read_heads,
          lock_heads,
          free_heads,
          move_accounts,
          open_accounts,
          insert_rows,
          row_holder_question(),
          table_holder_question()};
}

std::vector<prepared_call> idle_ledger_calls() {
  const auto about_none = [](const statement& what, std::size_t columns) {
    return prepared_call{what, std::vector<const char*>(columns, "{}")};
  };
  return {about_none(find_known, 1),    about_none(read_heads, 3),    about_none(lock_heads, 3),
          about_none(move_accounts, 6), about_none(open_accounts, 4), about_none(insert_rows, 10)};
}

void head_question::clear() {
  clear_all(users_, currencies_, places_);
  count_ = 0;
}

void head_question::add(const account_key& account, std::size_t place) {
  users_.add(account.user_id);
  currencies_.add(account.currency.text());
  places_.add(static_cast<std::int64_t>(place));
  ++count_;
}

prepared_call head_question::call(lock how) {
  const auto& what = how == lock::none ? read_heads : how == lock::wait ? lock_heads : free_heads;
  return call_of(what, users_, currencies_, places_);
}

void known_question::fill(const std::vector<batch_entry>& entries) {
  records_.clear();
  for (const auto& each : entries)
    records_.add(to_int(each.asked.id));
}

prepared_call known_question::call() {
  return call_of(find_known, records_);
}

known_question::answer known_question::read(const rows& found) {
  answer result;
  result.postings.reserve(found.size());
  for (std::size_t row = 0; row < found.size(); ++row) {
    const record_id id{found.integer(row, record_column)};
    try {
      result.postings.emplace(id, read_whole_posting(found, row));
    } catch (const database_error& error) {
      result.unreadable.emplace(id, error.what());
    }
  }
  return result;
}

void head_changes::clear() {
  clear_all(users_, currencies_, balances_, seqs_, old_balances_, old_seqs_);
  count_ = 0;
}

void head_changes::add(const account_key& account, const account_head& before,
                       const account_head& after) {
  const auto needed = before.seq == 0 ? kind::open : kind::move;
  if (after.seq == before.seq || needed != which_)
    return;
  users_.add(account.user_id);
  currencies_.add(account.currency.text());
  balances_.add(after.balance.minor_units());
  seqs_.add(after.seq);
  old_balances_.add(before.balance.minor_units());
  old_seqs_.add(before.seq);
  ++count_;
}

prepared_call head_changes::call() {
  return which_ == kind::open ? call_of(open_accounts, users_, currencies_, balances_, seqs_)
                              : call_of(move_accounts, users_, currencies_, balances_, seqs_,
                                        old_balances_, old_seqs_);
}

bool head_changes::all_done(const rows& answer) const {
  LEDGERD_ASSERT(answer.affected() <= count_);
  return answer.affected() == count_;
}

void new_rows::clear() {
  clear_all(records_, users_, currencies_, seqs_, types_, amounts_, statuses_, reasons_, balances_,
            fingerprints_);
}

void new_rows::add(const posting& row) {
  records_.add(to_int(row.record));
  users_.add(row.account.user_id);
  currencies_.add(row.account.currency.text());
  seqs_.add(row.seq);
  types_.add(to_text(row.type));
  amounts_.add(row.amount.minor_units());
  statuses_.add(status_text(row.verdict));
  if (row.verdict == outcome::applied)
    reasons_.add_null();
  else
    reasons_.add(reason_text(row.verdict));
  balances_.add(row.balance_after.minor_units());
  fingerprints_.add(fingerprint(row.account, row.type, row.amount));
}

prepared_call new_rows::call() {
  return call_of(insert_rows, records_, users_, currencies_, seqs_, types_, amounts_, statuses_,
                 reasons_, balances_, fingerprints_);
}

} // namespace ledgerd
