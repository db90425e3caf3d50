// The account side's own copy of a request (record), from its arrival to its verdict.
//
// Pure values; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/entry.hpp"

namespace ledgerd {

// What a caller asks for, before it has a record id. Invariant: amount > 0.
struct submission {
  account_key account;
  movement type = movement::deposit;
  money amount;

  friend bool operator==(const submission&, const submission&) = default;
};

enum class record_status : std::uint8_t { pending, success, failed };

std::string_view to_text(record_status status) noexcept; // PENDING, SUCCESS, FAILED
std::optional<record_status> parse_record_status(std::string_view text) noexcept;

// Why a record failed although the ledger never refused it: its record id was taken in the ledger
// by a request with other content, which did not come through the account side.
inline constexpr std::string_view reason_record_id_conflict = "RECORD_ID_CONFLICT";

// One row of `account.transaction_records`.
struct transaction_record {
  record_id id{};
  submission asked;
  record_status status = record_status::pending;
  std::optional<transaction_id> transaction; // of the verdict
  std::string reason;                        // only of FAILED
  std::optional<money> balance_after;        // of the verdict
  database_time created_at{};
  database_time updated_at{};
  std::string traceparent; // of the call; known only of what is claimed. Empty: none

  friend bool operator==(const transaction_record&, const transaction_record&) = default;
};

// How far the ledger has come: what the account side must know so that it gives no record id twice
// and believes no verdict that is older than its question.
struct ledger_marks {
  record_id highest_record{};           // of those looked at; 0: none
  transaction_id highest_transaction{}; // 0: none

  friend bool operator==(const ledger_marks&, const ledger_marks&) = default;
};

// What a result says of a record, or a dead letter (`parked`), which says the content and the
// reason.
struct record_verdict {
  record_id id{};
  submission decided;                            // the content that was decided, or parked
  record_status status = record_status::success; // never pending
  transaction_id transaction{};
  std::string reason; // INSUFFICIENT_FUNDS, BALANCE_OVERFLOW; empty for SUCCESS
  money balance_after;
  database_time processed_at{};
  bool parked = false; // the request was parked: `reason` is that of the dead letter; never decided
};

} // namespace ledgerd
