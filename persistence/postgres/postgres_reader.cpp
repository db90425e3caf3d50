#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "persistence/postgres.hpp"
#include "persistence/postgres/array_literal.hpp"
#include "persistence/postgres/currency_rows.hpp"
#include "persistence/postgres/kept_session.hpp"
#include "persistence/postgres/posting_rows.hpp"
#include "persistence/postgres/probe.hpp"
#include "persistence/postgres/row_holder.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto probe_limit = std::chrono::milliseconds(900);

// How many rows of a snapshot are held at once.
constexpr std::size_t fetch_size = 5000;

const std::string account_columns =
    "user_id, currency, balance, seq, (extract(epoch FROM updated_at) * 1000000)::bigint";

const statement read_currencies{"read_currencies",
                                "SELECT code, exponent FROM ledger.currencies ORDER BY code"};

const statement read_accounts{"read_accounts",
                              "SELECT " + account_columns
                                  + " FROM ledger.accounts WHERE user_id = $1 ORDER BY currency"};

const statement read_posting_by_record{
    "read_posting",
    "SELECT " + posting_columns + " FROM ledger.transactions WHERE record_id = $1::bigint"};

const statement read_marks{"read_marks",
                           "SELECT COALESCE((SELECT max(record_id) FROM ledger.transactions "
                           "WHERE record_id BETWEEN $1::bigint AND $2::bigint), 0), "
                           "COALESCE((SELECT max(id) FROM ledger.transactions), 0)"};

const statement read_history{"read_history",
                             "SELECT " + posting_columns
                                 + " FROM ledger.transactions WHERE user_id = $1 AND currency = $2 "
                                   "AND seq < $3::bigint ORDER BY seq DESC LIMIT $4::bigint"};

// The newest of each account through its own index, the newest of these together. Only what came
// since the first page is looked at again.
const statement read_user_history{
    "read_user_history",
    "SELECT newest.* FROM ledger.accounts AS a LEFT JOIN unnest($2::text[], $3::bigint[]) AS "
    "p (currency, seq) ON p.currency = a.currency CROSS JOIN LATERAL (SELECT "
        + posting_columns
        + " FROM ledger.transactions AS t WHERE t.user_id = a.user_id AND t.currency = a.currency "
          "AND t.seq < coalesce(p.seq, 9223372036854775807) AND t.id < $4::bigint "
          "ORDER BY t.seq DESC LIMIT $5::bigint) AS newest "
          "WHERE a.user_id = $1 ORDER BY newest.id DESC LIMIT $5::bigint"};

const std::string audited_columns =
    posting_columns
    + ", fingerprint, status = CASE WHEN reason IS NULL THEN 'SUCCESS' ELSE 'FAILED' END";

const statement read_audited{"read_audited", "SELECT " + audited_columns
                                                 + " FROM ledger.transactions "
                                                   "WHERE record_id = ANY ($1::bigint[])"};

// Through the two unique indexes. The ids of one transaction lie close together.
const statement read_linked{
    "read_linked",
    "SELECT t.*, b.balance_after FROM (SELECT " + audited_columns
        + " AS status_agrees, created_at < now() - $3::bigint * interval '1 second' AS rests "
          "FROM ledger.transactions WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS t "
          "LEFT JOIN ledger.transactions AS b ON b.user_id = t.user_id AND b.currency = t.currency "
          "AND b.seq = t.seq - 1 ORDER BY t.id"};

// Rows with lower ids come to light when such a wait ends, however long it was. Every COMMIT waits
// for a moment; one that began less than half the rest ago hides none that have come to rest.
const statement read_waiting_commits{
    "read_waiting_commits",
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = "
    "current_database() AND xact_start < now() - $1::bigint * interval '1 second' / 2"};

const statement read_batch{
    "read_batch",
    "SELECT count(*) FROM ledger.transactions WHERE id BETWEEN $1::bigint - 10000 AND "
    "$1::bigint + 10000 AND created_at = (SELECT created_at FROM ledger.transactions WHERE id = "
    "$1::bigint)"};

// A count is for somebody who waits for it.
const std::string begin_count = "BEGIN READ ONLY; SET LOCAL statement_timeout = '60s'; ";

// For each statement of a picture of everything.
constexpr auto snapshot_limit = std::chrono::minutes(30);

// A picture of everything takes its time, and may wait for whom it is shown to.
const std::string begin_snapshot =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; "
    "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL cursor_tuple_fraction = 1; ";

account_row read_account(const rows& answer, std::size_t row) try {
  return {read_account_key(answer, row, 0),
          {money{answer.integer(row, 2)}, answer.integer(row, 3)},
          database_time{answer.integer(row, 4)}};
} catch (const std::runtime_error& why) {
  unreadable_row(one_line_of(answer.text(row, 0)), "ledger.accounts", why.what());
}

audited_posting read_audited_posting(const rows& answer, std::size_t row) {
  return {read_posting(answer, row), answer.integer(row, posting_column_count),
          answer.text(row, posting_column_count + 1) == "t"};
}

template <class Read>
auto read_all(const rows& answer, Read read) {
  std::vector<decltype(read(answer, 0))> result;
  result.reserve(answer.size());
  for (std::size_t row = 0; row < answer.size(); ++row)
    result.push_back(read(answer, row));
  return result;
}

class postgres_reader final : public ledger_reader {
public:
  postgres_reader(const url_source& database_url, std::chrono::milliseconds picture_max)
      : session_(database_url, schema::ledger, {},
                 {read_currencies, read_accounts, read_posting_by_record, read_marks, read_history,
                  read_user_history, read_audited, read_linked, read_batch, read_waiting_commits,
                  row_holder_question()}),
        picture_max_(picture_max), probe_(database_url, schema::ledger) {}

  std::vector<currency> currencies() override {
    return read_currency_rows(ask(read_currencies, {}), "ledger.currencies");
  }

  std::vector<account_row> accounts_of(const std::string& user_id) override {
    return read_all(ask(read_accounts, {user_id.c_str()}), read_account);
  }

  std::optional<posting> find(record_id id) override {
    const auto answer = ask(read_posting_by_record, {std::to_string(to_int(id)).c_str()});
    if (answer.size() == 0)
      return std::nullopt;
    return read_posting(answer, 0);
  }

  ledger_marks marks(record_id from, std::int64_t window) override {
    const auto first = to_int(from);
    const auto last = first + std::min(window - 1, INT64_MAX - first);
    const auto answer =
        ask(read_marks, {std::to_string(first).c_str(), std::to_string(last).c_str()});
    return {record_id{answer.integer(0, 0)}, transaction_id{answer.integer(0, 1)}};
  }

  std::vector<posting> history(const account_key& account, std::int64_t before_seq,
                               int limit) override {
    const auto before = before_seq == 0 ? INT64_MAX : before_seq;
    return read_all(
        ask(read_history, {account.user_id.c_str(), std::string(account.currency.text()).c_str(),
                           std::to_string(before).c_str(), std::to_string(limit).c_str()}),
        read_posting);
  }

  std::vector<posting> history(const std::string& user_id, const history_position& page,
                               int limit) override {
    array_literal currencies;
    array_literal seqs;
    for (const auto& [currency, seq] : page.seqs) {
      currencies.add(currency.text());
      seqs.add(seq);
    }
    const auto before = std::to_string(page.before == 0 ? INT64_MAX : page.before);
    return read_all(ask(read_user_history, {user_id.c_str(), currencies.c_str(), seqs.c_str(),
                                            before.c_str(), std::to_string(limit).c_str()}),
                    read_posting);
  }

  std::vector<audited_posting> find_all(const std::vector<record_id>& ids) override {
    array_literal list;
    for (const auto id : ids)
      list.add(to_int(id));
    return read_all(ask(read_audited, {list.c_str()}), read_audited_posting);
  }

  void snapshot(const std::optional<account_key>& after,
                const std::function<void(const account_row&)>& account,
                const std::function<void(const audited_posting&)>& row) override;

  std::optional<account_key> show_accounts(const std::optional<account_key>& after,
                                           const std::function<void(const account_row&)>& account,
                                           const std::function<void(const audited_posting&)>& row);

  std::vector<linked_posting> linked_after(transaction_id id, std::size_t limit,
                                           std::chrono::seconds rest) override;

  std::int64_t written_with(const posting& row) override {
    return ask(read_batch, {std::to_string(to_int(row.id)).c_str()}).integer(0, 0);
  }

  totals count() override;

  std::int64_t commits(record_id first, record_id last) override;

  std::optional<session_name> holder_of(const account_key& account) override {
    const std::string currency(account.currency.text());
    return read_row_holder(ask(row_holder_question(), {account.user_id.c_str(), currency.c_str()}));
  }

  bool writable() override { return write_fault().empty(); }
  std::string write_fault() override { return probe_.fault(probe_limit); }

private:
  // Runs `function` on the session; one that fails is thrown away.
  template <class Function>
  auto with_session(Function function) {
    try {
      return session_.run(function);
    } catch (...) {
      session_.drop();
      throw;
    }
  }

  rows ask(const statement& prepared, std::initializer_list<const char*> parameters) {
    return with_session([&](database& session) { return session.exec(prepared, parameters); });
  }

  // Likewise, for what looks at everything and takes its time.
  template <class Function>
  auto with_patient_session(Function function) {
    auto result = with_session([&](database& session) {
      session.limit_calls(snapshot_limit);
      return function(session);
    });
    session_.drop(); // and its limit with it
    return result;
  }

  kept_session session_;
  const std::chrono::milliseconds picture_max_;
  probe probe_;
};

// One of several queries that are read together, a part at a time.
class cursor {
public:
  cursor(database& session, std::string name, const std::string& query)
      : session_(session), name_(std::move(name)) {
    session_.run("DECLARE " + name_ + " NO SCROLL CURSOR FOR " + query);
    fetch();
  }

  // Whether there is a row: `part()` and `row()` say where.
  bool has_row() const { return row_ < part_->size(); }
  const rows& part() const { return *part_; }
  std::size_t row() const { return row_; }

  void advance() {
    if (++row_ == part_->size())
      fetch();
  }

private:
  void fetch() {
    part_.reset(); // before the next one comes
    part_ = session_.run("FETCH " + std::to_string(fetch_size) + " FROM " + name_);
    row_ = 0;
  }

  database& session_;
  std::string name_;
  std::optional<rows> part_;
  std::size_t row_ = 0;
};

// In letters that nobody reads as SQL, nor rewrites as the name of a schema (schema_text.hpp).
std::string text_literal(std::string_view text) {
  std::string digits;
  for (const unsigned char each : text)
    for (const int digit : {each >> 4, each & 15})
      digits.push_back("0123456789abcdef"[digit]);
  return "convert_from(decode('" + digits + "', 'hex'), 'UTF8')";
}

// One consistent view of the ledger behind an account: each account, then its postings.
class picture {
public:
  picture(database& session, const std::optional<account_key>& after)
      : picture(session, after ? " WHERE (user_id, currency) > (" + text_literal(after->user_id)
                                     + ", " + text_literal(after->currency.text()) + ")"
                               : std::string()) {}

  // Whose account or posting comes next; null: there is nothing more.
  const account_key* next() {
    if (!account_ && accounts_.has_row())
      account_ = read_account(accounts_.part(), accounts_.row());
    if (!posting_ && postings_.has_row())
      posting_ = read_audited_posting(postings_.part(), postings_.row());
    account_comes_ = account_ && (!posting_ || account_->account <= posting_->row.account);
    if (account_comes_)
      return &account_->account;
    return posting_ ? &posting_->row.account : nullptr;
  }

  // Precondition: `next` has said that something comes.
  void show(const std::function<void(const account_row&)>& account,
            const std::function<void(const audited_posting&)>& row) {
    if (account_comes_) {
      account(*std::exchange(account_, std::nullopt));
      accounts_.advance();
    } else {
      row(*std::exchange(posting_, std::nullopt));
      postings_.advance();
    }
  }

private:
  picture(database& session, const std::string& behind)
      : accounts_(session, "accounts",
                  "SELECT " + account_columns + " FROM ledger.accounts" + behind
                      + " ORDER BY user_id, currency"),
        postings_(session, "postings",
                  "SELECT " + audited_columns + " FROM ledger.transactions" + behind
                      + " ORDER BY user_id, currency, seq") {}

  cursor accounts_;
  cursor postings_;
  std::optional<account_row> account_;
  std::optional<audited_posting> posting_;
  bool account_comes_ = false;
};

// The last account that was shown; nothing: there are no more.
std::optional<account_key>
postgres_reader::show_accounts(const std::optional<account_key>& after,
                               const std::function<void(const account_row&)>& account,
                               const std::function<void(const audited_posting&)>& row) {
  return with_patient_session([&](database& session) {
    const auto began = steady::now();
    session.run(begin_snapshot);
    picture seen(session, after);
    // The next one sorts again what this one has sorted until here.
    const auto ready = steady::now();
    const auto ends = ready + std::max<steady::duration>(picture_max_, 4 * (ready - began));
    std::optional<account_key> last;
    while (const auto* next = seen.next()) {
      if (last && *last != *next && steady::now() >= ends)
        break;
      if (last != *next)
        last = *next;
      seen.show(account, row);
    }
    const bool more = seen.next() != nullptr;
    session.rollback();
    return more ? last : std::nullopt;
  });
}

void postgres_reader::snapshot(const std::optional<account_key>& after,
                               const std::function<void(const account_row&)>& account,
                               const std::function<void(const audited_posting&)>& row) {
  for (auto last = show_accounts(after, account, row); last;)
    last = show_accounts(last, account, row);
}

std::vector<linked_posting> postgres_reader::linked_after(transaction_id id, std::size_t limit,
                                                          std::chrono::seconds rest) {
  constexpr int rests = posting_column_count + 2;
  const auto seconds = std::to_string(rest.count());
  if (ask(read_waiting_commits, {seconds.c_str()}).integer(0, 0) > 0)
    throw std::runtime_error("the newest rows are not known while a COMMIT waits for its standby");
  const auto answer = ask(read_linked, {std::to_string(to_int(id)).c_str(),
                                        std::to_string(limit).c_str(), seconds.c_str()});
  std::vector<linked_posting> result;
  for (std::size_t i = 0; i < answer.size() && answer.text(i, rests) == "t"; ++i) {
    result.push_back({read_audited_posting(answer, i), std::nullopt});
    if (!answer.is_null(i, rests + 1))
      result.back().balance_before = money{answer.integer(i, rests + 1)};
  }
  return result;
}

ledger_reader::totals postgres_reader::count() {
  return with_patient_session([](database& session) {
    const auto answer = session.run(
        begin_count
        + "SELECT (SELECT count(*) FROM ledger.accounts), "
          "count(*) FILTER (WHERE status = 'SUCCESS'), count(*) FILTER (WHERE status = 'FAILED') "
          "FROM ledger.transactions");
    session.rollback();
    return totals{answer.integer(0, 0), answer.integer(0, 1), answer.integer(0, 2)};
  });
}

// The rows of one transaction share its time.
std::int64_t postgres_reader::commits(record_id first, record_id last) {
  return with_patient_session([&](database& session) {
    const auto answer = session.run(
        begin_snapshot
        + "SELECT count(DISTINCT created_at) FROM ledger.transactions WHERE record_id >= "
        + std::to_string(to_int(first)) + " AND record_id < " + std::to_string(to_int(last)));
    session.rollback();
    return answer.integer(0, 0);
  });
}

} // namespace

std::unique_ptr<ledger_reader> make_postgres_reader(const url_source& database_url,
                                                    std::chrono::milliseconds picture_max) {
  return std::make_unique<postgres_reader>(database_url, picture_max);
}

} // namespace ledgerd
