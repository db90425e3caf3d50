// Checks the ledger's tables against the rules: every account's chain is replayed through `decide`.
//
// Pure and single-pass: keeps no rows, and of accounts those that came before their rows. Any
// thread, one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "app/audit/findings.hpp"
#include "persistence/postgres.hpp"

namespace ledgerd {

__extension__ using int128 = __int128;

class ledger_audit {
public:
  // `findings` outlives this object.
  explicit ledger_audit(finding_list& findings) : findings_(findings) {}

  // All accounts in key order and all rows in the order of account key and seq, each account before
  // its rows, then `finish`.
  void account(const account_row& row);
  void row(const audited_posting& audited);
  void finish();

  std::uint64_t accounts() const noexcept { return at_.accounts; }
  std::uint64_t applied() const noexcept { return at_.applied; }
  std::uint64_t refused() const noexcept { return at_.refused; }

  struct currency_sums {
    int128 balances = 0;
    int128 moved = 0; // applied deposits less applied withdrawals
  };

  // Where it is between two accounts, so that another one can go on there.
  struct place {
    std::uint64_t accounts = 0;
    std::uint64_t applied = 0;
    std::uint64_t refused = 0;
    std::map<currency_code, currency_sums> sums;
    std::optional<account_key> last; // of those that came
  };

  // Precondition: the next to come is of a higher account than all that came.
  const place& pause();
  void resume(place from) { at_ = std::move(from); }

private:
  struct opened_account {
    account_key key;
    std::optional<account_head>
        expected;      // what the account's own row says; nothing when it is missing
    account_head head; // as the rows so far say
    // What the balance should have been after a row that was found wrong. The next rows may go on
    // from either, so that one fault makes one finding.
    std::optional<money> corrected;
  };

  void open(const account_key& key);
  void close();
  void report_unopened(const account_row& row);
  void check_link(const posting& row);
  bool follows(const posting& row) const;

  finding_list& findings_;
  std::deque<account_row> accounts_; // whose rows have not come
  std::optional<opened_account> current_;
  place at_;
};

// What is wrong with a row alone, or as the one that follows on this balance (nothing: it is the
// first of its account, or the row before is missing); nothing when it is right.
std::optional<finding> fault_of(const audited_posting& audited, const std::optional<money>& before);

// In decimal, and back; nothing for any other text.
std::string int128_text(int128 number);
std::optional<int128> parse_int128(std::string_view text) noexcept;

// user-1/KRW, for details.
std::string account_text(const account_key& key);

} // namespace ledgerd
