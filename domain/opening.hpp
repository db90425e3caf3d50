// Opening rows: the first posting of an account whose balance was kept somewhere else so far.
//
// An opening row is a deposit like any other but for where it comes from: nobody has published a
// request for it, so there is no result either. Its record id is derived from the account, so that
// it is the same however often an import is run, and lies in a range that nobody else gives out.
// Pure; any thread.
#pragma once

#include <cstdint>

#include "domain/entry.hpp"

namespace ledgerd {

// Producers who number their requests themselves stay below it, the account side's ids begin after
// it; all below 2^53, so that JavaScript reads them exactly.
inline constexpr std::int64_t opening_id_first = 900'000'000'000'000;
inline constexpr std::int64_t opening_id_last = 999'999'999'999'999;

// Two accounts may have the same first id (among a million accounts one pair in two hundred
// imports): the later one takes its next.
inline constexpr unsigned opening_ids_max = 16;

// The account's id number `attempt`, below `opening_ids_max`.
record_id opening_id(const account_key& account, unsigned attempt) noexcept;

constexpr bool is_opening_id(record_id id) noexcept {
  return to_int(id) >= opening_id_first && to_int(id) <= opening_id_last;
}

// Whether a row can only be what it seems: an applied deposit that is the account's first row,
// under one of the account's own ids.
bool is_opening(const posting& row) noexcept;

// The deposit that opens an account with this balance. Precondition (asserted): it is positive.
entry make_opening(const account_key& account, money balance, unsigned attempt);

} // namespace ledgerd
