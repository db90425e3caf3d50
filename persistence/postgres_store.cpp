#include <algorithm>
#include <numeric>
#include <optional>

#include "domain/assert.hpp"
#include "persistence/array_literal.hpp"
#include "persistence/database.hpp"
#include "persistence/postgres.hpp"
#include "persistence/posting_rows.hpp"
#include "persistence/store_session.hpp"

namespace ledgerd {

namespace {

// Ids mostly grow: one beyond the greatest is new, and one look at that spares most of them their
// own.
const statement find_known{"find_known",
                           "SELECT " + posting_columns
                               + " FROM ledger.transactions WHERE record_id = ANY (ARRAY("
                                 "SELECT id FROM unnest($1::bigint[]) AS id "
                                 "WHERE id <= (SELECT max(record_id) FROM ledger.transactions)))"};

const std::string select_heads =
    "SELECT k.place, a.balance, a.seq "
    "FROM unnest($1::text[], $2::text[], $3::bigint[]) AS k (user_id, currency, place) "
    "JOIN ledger.accounts AS a ON a.user_id = k.user_id COLLATE \"C\" "
    "AND a.currency = k.currency COLLATE \"C\"";

const statement read_heads{"read_heads", select_heads};

// Sorted before it locks: in key order, so that two batches cannot wait for each other in a circle.
const statement lock_heads{"lock_heads", select_heads
                                             + " ORDER BY a.user_id, a.currency "
                                               "FOR NO KEY UPDATE OF a"};

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

// The columns of a statement's parameters; their memory is kept from batch to batch.
struct columns {
  array_literal users, currencies, places, balances, seqs, old_balances, old_seqs;
  array_literal records, types, amounts, statuses, reasons, fingerprints;

  void clear() {
    for (auto column : {&users, &currencies, &places, &balances, &seqs, &old_balances, &old_seqs,
                        &records, &types, &amounts, &statuses, &reasons, &fingerprints})
      column->clear();
  }

  void add(const account_key& account) {
    users.add(account.user_id);
    currencies.add(account.currency.text());
  }
};

using places = std::vector<std::size_t>;

// The places of a batch's groups in key order. Asserts that no account occurs twice.
places key_order(const std::vector<posting_group>& batch) {
  places result(batch.size());
  std::iota(result.begin(), result.end(), std::size_t{0});
  std::sort(result.begin(), result.end(),
            [&batch](std::size_t a, std::size_t b) { return batch[a].account < batch[b].account; });
  return result;
}

// Whether a known posting shows that its account has moved on from the head of its group.
bool shows_old_head(const std::vector<posting_group>& batch, const known_postings& known) {
  if (known.empty())
    return false;
  for (const auto& group : batch)
    for (const auto& asked : group.entries)
      if (const auto found = known.find(asked.id); found != known.end()
                                                   && found->second.account == group.account
                                                   && found->second.seq > group.head->seq)
        return true;
  return false;
}

class postgres_store final : public ledger_store {
public:
  explicit postgres_store(const std::string& database_url)
      : session_(database_url,
                 {find_known, read_heads, lock_heads, move_accounts, open_accounts, insert_rows},
                 "a record id or an account's next number is taken, yet no posting answers it") {}

  post_result post(const std::vector<posting_group>& batch) override;

private:
  enum class heads { given, locked };

  // One transaction. Nothing: it was decided on a head that is old, or another session opened one
  // of the accounts.
  std::optional<posted> attempt(const std::vector<posting_group>& batch, const places& order,
                                heads from);

  std::vector<posting_group> with_heads(const std::vector<posting_group>& batch,
                                        const places& order, heads from,
                                        post_statistics& statistics);
  known_postings read_known(const std::vector<posting_group>& batch);
  bool write_accounts(const std::vector<posting_group>& batch, const places& order,
                      const batch_plan& planned);
  void write_rows(std::vector<posting>& postings, database_time now);

  store_session session_;
  database* database_ = nullptr; // while an attempt runs
  columns columns_;
};

post_result postgres_store::post(const std::vector<posting_group>& batch) {
  const auto order = key_order(batch);
  return session_.run<posted>([&](database& session, int count) {
    database_ = &session;
    auto result = attempt(batch, order, count == 0 ? heads::given : heads::locked);
    if (result)
      result->statistics.raced = static_cast<std::uint32_t>(count);
    return result;
  });
}

std::optional<posted> postgres_store::attempt(const std::vector<posting_group>& batch,
                                              const places& order, heads from) {
  posted result;
  const auto now = database_->begin();
  // Heads before known postings: the later look sees more, so a posting that came between shows.
  const bool complete_batch =
      from == heads::given
      && std::all_of(batch.begin(), batch.end(), [](const auto& g) { return g.head; });
  std::vector<posting_group> completed;
  if (!complete_batch)
    completed = with_heads(batch, order, from, result.statistics);
  const auto& groups = complete_batch ? batch : completed;
  const auto known = read_known(groups);
  if (from == heads::given && shows_old_head(groups, known))
    return std::nullopt;
  auto planned = plan(groups, known);
  result.statistics.rows = static_cast<std::uint32_t>(planned.rows.size());
  if (planned.rows.empty()) {
    database_->rollback();
  } else {
    if (!write_accounts(groups, order, planned))
      return std::nullopt;
    write_rows(planned.rows, now);
    database_->commit();
  }
  result.groups = complete(std::move(planned));
  return result;
}

std::vector<posting_group> postgres_store::with_heads(const std::vector<posting_group>& batch,
                                                      const places& order, heads from,
                                                      post_statistics& statistics) {
  columns_.clear();
  for (const auto place : order) {
    if (from == heads::given && batch[place].head)
      continue;
    columns_.add(batch[place].account);
    columns_.places.add(static_cast<std::int64_t>(place));
  }
  const auto found = database_->exec(
      from == heads::locked ? lock_heads : read_heads,
      {columns_.users.c_str(), columns_.currencies.c_str(), columns_.places.c_str()});
  auto result = batch;
  for (auto& group : result)
    if (from == heads::locked || !group.head)
      group.head = account_head{};
  for (std::size_t row = 0; row < found.size(); ++row)
    result[static_cast<std::size_t>(found.integer(row, 0))].head =
        account_head{money{found.integer(row, 1)}, found.integer(row, 2)};
  for (std::size_t i = 0; i < batch.size(); ++i) {
    statistics.heads_read += !batch[i].head;
    statistics.fence_rejections += batch[i].head && *batch[i].head != *result[i].head;
  }
  return result;
}

known_postings postgres_store::read_known(const std::vector<posting_group>& batch) {
  columns_.clear();
  for (const auto& group : batch)
    for (const auto& asked : group.entries)
      columns_.records.add(to_int(asked.id));
  const auto found = database_->exec(find_known, {columns_.records.c_str()});
  known_postings result;
  result.reserve(found.size());
  for (std::size_t row = 0; row < found.size(); ++row) {
    auto stored = read_posting(found, row);
    const auto id = stored.record;
    result.emplace(id, std::move(stored));
  }
  return result;
}

bool postgres_store::write_accounts(const std::vector<posting_group>& batch, const places& order,
                                    const batch_plan& planned) {
  // First the accounts that exist, then the new ones: one who waits for a new key of another
  // session holds all its locks already, and so does the other.
  for (const bool is_new : {false, true}) {
    columns_.clear();
    std::size_t count = 0;
    for (const auto place : order) {
      const auto& before = *batch[place].head;
      const auto& after = planned.groups[place].head;
      if (after.seq == before.seq || is_new != (before.seq == 0))
        continue;
      ++count;
      columns_.add(batch[place].account);
      columns_.balances.add(after.balance.minor_units());
      columns_.seqs.add(after.seq);
      columns_.old_balances.add(before.balance.minor_units());
      columns_.old_seqs.add(before.seq);
    }
    if (count == 0)
      continue;
    const auto users = columns_.users.c_str(), currencies = columns_.currencies.c_str(),
               balances = columns_.balances.c_str(), seqs = columns_.seqs.c_str();
    const auto written = is_new
                             ? database_->exec(open_accounts, {users, currencies, balances, seqs})
                             : database_->exec(move_accounts, {users, currencies, balances, seqs,
                                                               columns_.old_balances.c_str(),
                                                               columns_.old_seqs.c_str()});
    LEDGERD_ASSERT(written.affected() <= count);
    if (written.affected() != count)
      return false;
  }
  return true;
}

void postgres_store::write_rows(std::vector<posting>& postings, database_time now) {
  columns_.clear();
  for (const auto& row : postings) {
    columns_.records.add(to_int(row.record));
    columns_.add(row.account);
    columns_.seqs.add(row.seq);
    columns_.types.add(to_text(row.type));
    columns_.amounts.add(row.amount.minor_units());
    columns_.statuses.add(status_text(row.verdict));
    if (row.verdict == outcome::applied)
      columns_.reasons.add_null();
    else
      columns_.reasons.add(reason_text(row.verdict));
    columns_.balances.add(row.balance_after.minor_units());
    columns_.fingerprints.add(fingerprint(row.account, row.type, row.amount));
  }
  const auto written = database_->exec(
      insert_rows, {columns_.records.c_str(), columns_.users.c_str(), columns_.currencies.c_str(),
                    columns_.seqs.c_str(), columns_.types.c_str(), columns_.amounts.c_str(),
                    columns_.statuses.c_str(), columns_.reasons.c_str(), columns_.balances.c_str(),
                    columns_.fingerprints.c_str()});
  LEDGERD_ASSERT(written.size() == postings.size());
  for (std::size_t i = 0; i < postings.size(); ++i) {
    // Rows come back in the order in which they went in.
    LEDGERD_ASSERT(written.integer(i, 1) == to_int(postings[i].record));
    postings[i].id = transaction_id{written.integer(i, 0)};
    postings[i].created_at = now;
  }
}

} // namespace

std::unique_ptr<ledger_store> make_postgres_store(const std::string& database_url) {
  return std::make_unique<postgres_store>(database_url);
}

} // namespace ledgerd
