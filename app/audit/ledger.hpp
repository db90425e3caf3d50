// Checks the ledger's tables against the rules: every account's chain is replayed through `decide`.
//
// Pure and single-pass: keeps the accounts, but no rows. Any thread, one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/audit/findings.hpp"
#include "persistence/postgres.hpp"

namespace ledgerd {

__extension__ using int128 = __int128;

class ledger_audit {
public:
  // `findings` outlives this object.
  explicit ledger_audit(finding_list& findings) : findings_(findings) {}

  // First all accounts in key order, then all rows in the order of account key and seq, then
  // `finish`.
  void account(const account_row& row);
  void row(const audited_posting& audited);
  void finish();

  std::uint64_t accounts() const noexcept { return accounts_.size(); }
  std::uint64_t applied() const noexcept { return applied_; }
  std::uint64_t refused() const noexcept { return refused_; }

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

  struct currency_sums {
    int128 balances = 0;
    int128 moved = 0; // applied deposits less applied withdrawals
  };

  void open(const account_key& key);
  void close();
  void report_unopened(const account_row& row);
  void check_link(const posting& row);
  bool follows(const posting& row) const;

  finding_list& findings_;
  std::vector<account_row> accounts_;
  std::size_t next_account_ = 0;
  std::optional<opened_account> current_;
  std::map<currency_code, currency_sums> sums_;
  std::uint64_t applied_ = 0;
  std::uint64_t refused_ = 0;
};

// user-1/KRW, for details.
std::string account_text(const account_key& key);

} // namespace ledgerd
