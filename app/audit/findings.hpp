// What an audit found to be wrong. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

enum class finding_kind : std::uint8_t {
  // The ledger alone.
  record_id_twice,   // two rows with one record id
  invalid_row,       // a value outside its range
  unknown_currency,  // a row in a currency that ledger.currencies lacks
  chain_gap,         // the numbers of an account's rows have a gap or a repetition
  wrong_decision,    // refused where it had to be applied, or the reverse, or for another reason
  wrong_balance,     // balance_after does not follow from the row before
  wrong_fingerprint, // the checksum is not that of the content
  account_differs,   // the account's balance or sequence number is not that of its last row
  account_without_postings, // an account that no row has opened
  posting_without_account,  // rows whose account is missing
  rows_lost,     // rows that were there before, the newest of all: the database was set back
  not_conserved, // the balances of a currency are not its deposits less its withdrawals

  // Results against rows.
  posting_without_result,
  result_without_posting,
  result_differs, // from its row
  copies_differ,  // two results of one record id
  result_malformed,

  // Requests and dead letters against rows and each other.
  posting_without_request, // a row that nobody has asked for
  request_unanswered,      // neither a row nor a dead letter, and nobody has discarded one
  conflict_not_parked,     // the row holds other content, and there is no dead letter that says so
  dead_letter_malformed,   // a header of the contract is missing or wrong
  dead_letter_differs,     // its payload is not that of its original
  dead_letter_unfounded,   // its original is not what the reason says

  // The account side's records against rows.
  record_pending,         // no verdict, although nothing is under way any more
  record_without_posting, // a verdict that the ledger never gave
  record_differs,         // from its row
  record_fingerprint,     // the checksum is not that of the content
  posting_without_record, // a row that a record has asked for, which is not there
  verdict_before_record,  // its verdict is of a row that was there before it was made
  contrary_verdict,       // a result said something else than the record's verdict; one was forged

  // The broker's state.
  not_settled,
  deleted_unread, // requests that the stream dropped before anybody had read them
  stream_missing,
};

std::string_view to_text(finding_kind kind) noexcept; // the enumerator's name
std::optional<finding_kind> parse_finding_kind(std::string_view text) noexcept;

struct finding {
  finding_kind kind;
  std::string detail; // a sentence that names the account, the record or the message

  friend bool operator==(const finding&, const finding&) = default;
};

// Counts all findings, and keeps the first `listed_max` of each kind.
class finding_list {
public:
  explicit finding_list(std::size_t listed_max = 100) : listed_max_(listed_max) {}

  void add(finding_kind kind, std::string detail);

  // Of an audit that was interrupted.
  void restore(std::map<finding_kind, std::uint64_t> counts, std::vector<finding> listed);

  bool empty() const noexcept { return counts_.empty(); }
  const std::vector<finding>& listed() const noexcept { return listed_; }
  const std::map<finding_kind, std::uint64_t>& counts() const noexcept { return counts_; }

private:
  std::size_t listed_max_;
  std::vector<finding> listed_;
  std::map<finding_kind, std::uint64_t> counts_;
};

} // namespace ledgerd
