#include "app/audit/ledger.hpp"

#include <algorithm>

#include "domain/plan.hpp"

namespace ledgerd {

namespace {

constexpr auto status_sentence = ": the status does not agree with the reason";

std::string row_text(const posting& row) {
  return "account " + account_text(row.account) + ", seq " + std::to_string(row.seq) + ", record "
         + std::to_string(to_int(row.record));
}

std::string head_text(const account_head& head) {
  return "balance " + std::to_string(head.balance.minor_units()) + " and seq "
         + std::to_string(head.seq);
}

std::string verdict_text(outcome verdict) {
  return verdict == outcome::applied ? "applied" : std::string(reason_text(verdict));
}

bool in_range(const posting& row) noexcept {
  return to_int(row.id) > 0 && to_int(row.record) > 0 && row.seq > 0 && row.amount > money{}
         && row.balance_after >= money{};
}

// What the balance was before an applied or refused row, as the row itself says.
std::optional<money> balance_before(const posting& row) noexcept {
  if (row.verdict != outcome::applied)
    return row.balance_after;
  return row.type == movement::deposit ? checked_subtract(row.balance_after, row.amount)
                                       : checked_add(row.balance_after, row.amount);
}

// `decide`, also on a balance that has been falsified to less than zero.
decision decide_anyway(money balance, const posting& row) noexcept {
  return decide(std::max(balance, money{}), row.type, row.amount);
}

bool follows_from(money balance, const posting& row) noexcept {
  const auto decided = decide_anyway(balance, row);
  return decided.verdict == row.verdict && decided.balance_after == row.balance_after;
}

} // namespace

std::optional<finding> fault_of(const audited_posting& audited,
                                const std::optional<money>& before) {
  const auto& row = audited.row;
  if (fingerprint(row.account, row.type, row.amount) != audited.stored_fingerprint)
    return finding{finding_kind::wrong_fingerprint,
                   row_text(row) + ": the fingerprint is not that of the content"};
  if (!audited.status_agrees)
    return finding{finding_kind::invalid_row, row_text(row) + status_sentence};
  if (!in_range(row))
    return finding{finding_kind::invalid_row, row_text(row) + ": a value is out of range"};
  if ((row.seq == 1) == before.has_value())
    return finding{finding_kind::chain_gap, row_text(row) + ": the row before it is missing"};
  const auto balance = before.value_or(money{});
  if (follows_from(balance, row))
    return std::nullopt;
  const auto decided = decide_anyway(balance, row);
  return finding{decided.verdict != row.verdict ? finding_kind::wrong_decision
                                                : finding_kind::wrong_balance,
                 row_text(row) + ": does not follow from the balance before it, "
                     + std::to_string(balance.minor_units())};
}

std::string int128_text(int128 number) {
  const bool negative = number < 0;
  std::string digits;
  do {
    const auto digit = static_cast<int>(number % 10);
    digits.push_back(static_cast<char>('0' + (digit < 0 ? -digit : digit)));
    number /= 10;
  } while (number != 0);
  if (negative)
    digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::optional<int128> parse_int128(std::string_view text) noexcept {
  const bool negative = text.starts_with('-');
  text.remove_prefix(negative ? 1 : 0);
  if (text.empty() || text.size() > 38)
    return std::nullopt;
  int128 number = 0;
  for (const char each : text) {
    if (each < '0' || each > '9')
      return std::nullopt;
    number = number * 10 + (each - '0');
  }
  return negative ? -number : number;
}

std::string account_text(const account_key& key) {
  return key.user_id + "/" + std::string(key.currency.text());
}

void ledger_audit::account(const account_row& row) {
  at_.sums[row.account.currency].balances += row.head.balance.minor_units();
  ++at_.accounts;
  at_.last = row.account;
  accounts_.push_back(row);
}

void ledger_audit::row(const audited_posting& audited) {
  const auto& row = audited.row;
  if (!current_ || current_->key != row.account) {
    close();
    open(row.account);
    at_.last = std::max(at_.last, std::optional(row.account));
  }
  if (row.verdict == outcome::applied) {
    ++at_.applied;
    const int128 amount = row.amount.minor_units();
    at_.sums[row.account.currency].moved += row.type == movement::deposit ? amount : -amount;
  } else {
    ++at_.refused;
  }
  if (fingerprint(row.account, row.type, row.amount) != audited.stored_fingerprint)
    findings_.add(finding_kind::wrong_fingerprint,
                  row_text(row) + ": the fingerprint is not that of the content");
  if (!audited.status_agrees)
    findings_.add(finding_kind::invalid_row, row_text(row) + status_sentence);
  check_link(row);
}

void ledger_audit::open(const account_key& key) {
  while (!accounts_.empty() && accounts_.front().account < key) {
    report_unopened(accounts_.front());
    accounts_.pop_front();
  }
  current_.emplace().key = key;
  if (!accounts_.empty() && accounts_.front().account == key) {
    current_->expected = accounts_.front().head;
    accounts_.pop_front();
  } else
    findings_.add(finding_kind::posting_without_account,
                  "account " + account_text(key) + " has rows, but is missing");
}

void ledger_audit::close() {
  if (!current_ || !current_->expected)
    return;
  const auto& expected = *current_->expected;
  const auto& head = current_->head;
  if (expected == head || (expected.seq == head.seq && expected.balance == current_->corrected))
    return;
  findings_.add(finding_kind::account_differs, "account " + account_text(current_->key) + " has "
                                                   + head_text(expected) + ", its last row "
                                                   + head_text(head));
}

void ledger_audit::report_unopened(const account_row& row) {
  findings_.add(finding_kind::account_without_postings, "account " + account_text(row.account)
                                                            + " has " + head_text(row.head)
                                                            + ", but no rows");
}

bool ledger_audit::follows(const posting& row) const {
  return follows_from(current_->head.balance, row)
         || (current_->corrected && follows_from(*current_->corrected, row));
}

// Moves the head to what the row says, whether that is right or not.
void ledger_audit::check_link(const posting& row) {
  auto& head = current_->head;
  auto& corrected = current_->corrected;
  const auto expected_seq = head.seq + 1;
  head.seq = row.seq;
  if (!in_range(row)) {
    findings_.add(finding_kind::invalid_row, row_text(row) + ": a value is out of range");
    head.balance = row.balance_after;
    corrected.reset();
    return;
  }
  if (row.seq != expected_seq) {
    findings_.add(finding_kind::chain_gap,
                  row_text(row) + ": the seq should be " + std::to_string(expected_seq));
    head.balance = balance_before(row).value_or(money{});
    corrected.reset();
  }
  if (follows(row)) {
    corrected.reset();
  } else {
    const auto decided = decide_anyway(head.balance, row);
    if (decided.verdict != row.verdict)
      findings_.add(finding_kind::wrong_decision, row_text(row) + ": " + verdict_text(row.verdict)
                                                      + ", should be "
                                                      + verdict_text(decided.verdict));
    else
      findings_.add(finding_kind::wrong_balance,
                    row_text(row) + ": the balance after it is "
                        + std::to_string(row.balance_after.minor_units()) + ", should be "
                        + std::to_string(decided.balance_after.minor_units()));
    corrected = decided.balance_after;
  }
  head.balance = row.balance_after;
}

const ledger_audit::place& ledger_audit::pause() {
  close();
  current_.reset();
  for (const auto& each : accounts_)
    report_unopened(each);
  accounts_.clear();
  return at_;
}

void ledger_audit::finish() {
  pause();
  for (const auto& [code, sums] : at_.sums)
    if (sums.balances != sums.moved)
      findings_.add(finding_kind::not_conserved,
                    "currency " + std::string(code.text()) + ": the balances add up to "
                        + int128_text(sums.balances) + ", the applied movements to "
                        + int128_text(sums.moved));
}

} // namespace ledgerd
