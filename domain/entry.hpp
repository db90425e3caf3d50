// What a message asks for (entry) and what the ledger keeps of it (posting).
//
// Pure values; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "domain/currency.hpp"
#include "domain/money.hpp"

namespace ledgerd {

// The idempotency key of a request, unique for ever; 1 .. 2^63-1.
enum class record_id : std::int64_t {};

// The ledger's own number of a posting, `ledger.transactions.id`.
enum class transaction_id : std::int64_t {};

// Microseconds since 1970-01-01T00:00:00Z by the database's clock.
enum class database_time : std::int64_t {};

constexpr std::int64_t to_int(record_id id) noexcept {
  return static_cast<std::int64_t>(id);
}
constexpr std::int64_t to_int(transaction_id id) noexcept {
  return static_cast<std::int64_t>(id);
}
constexpr std::int64_t to_int(database_time t) noexcept {
  return static_cast<std::int64_t>(t);
}

enum class movement : std::uint8_t { deposit, withdrawal };

std::string_view to_text(movement type) noexcept; // DEPOSIT, WITHDRAWAL
std::optional<movement> parse_movement(std::string_view text) noexcept;

// An account is a user and a currency. Ordered as PostgreSQL orders the key under COLLATE "C".
struct account_key {
  std::string user_id;
  currency_code currency;

  friend auto operator<=>(const account_key&, const account_key&) = default;
};

// Stable for the life of a process only. Not noexcept, so that the standard library's tables keep
// each key's hash: they compare it before the texts, and need not compute it again.
struct account_key_hash {
  std::size_t operator()(const account_key& key) const {
    return std::hash<std::string>{}(key.user_id) * 31 + key.currency.index();
  }
};

// One decoded instruction. Invariant: amount > 0.
struct entry {
  record_id id{};
  account_key account;
  movement type = movement::deposit;
  money amount;
};

// A checksum of an entry's content (user, currency, type, minor amount), stored beside the row so
// that an audit sees a changed one. It never decides whether two entries are the same: the values
// themselves do. 64-bit FNV-1a over "user\0CUR\0TYPE\0amount", as a signed integer.
std::int64_t fingerprint(const account_key& account, movement type, money amount) noexcept;

// The verdict on an entry, ordered by precedence: the first that holds is the answer.
enum class outcome : std::uint8_t {
  conflict,           // the record id is known with other content; nothing is written
  duplicate,          // the record id is known with the same content; the stored posting answers
  insufficient_funds, // refused: the withdrawal is larger than the balance
  balance_overflow,   // refused: the balance would leave 64 bits
  applied,
};

// The words of the payloads and the table: SUCCESS for applied, FAILED for the two refusals.
// Precondition (asserted): `verdict` is one of these three; the others are never stored.
std::string_view status_text(outcome verdict) noexcept;

// INSUFFICIENT_FUNDS or BALANCE_OVERFLOW; empty for applied.
std::string_view reason_text(outcome verdict) noexcept;
std::optional<outcome> parse_reason(std::string_view text) noexcept;

// An account's state: its balance and the sequence number of its last posting (0: no posting yet).
struct account_head {
  money balance;
  std::int64_t seq = 0;

  friend bool operator==(const account_head&, const account_head&) = default;
};

// One row of `ledger.transactions`: the stored verdict from which every copy of the result is
// built.
struct posting {
  transaction_id id{};
  record_id record{};
  account_key account;
  std::int64_t seq = 0; // the account's own number, 1, 2, 3, ...
  movement type = movement::deposit;
  money amount;
  outcome verdict = outcome::applied; // applied or one of the refusals
  money balance_after;
  database_time created_at{};

  friend bool operator==(const posting&, const posting&) = default;
};

// Whether a repeated record id asks for the same thing.
bool same_content(const entry& asked, const posting& stored) noexcept;

} // namespace ledgerd
