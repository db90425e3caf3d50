#include "domain/opening.hpp"

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

// FNV-1a changes its upper bits little for the last characters; every bit counts in a remainder.
constexpr std::uint64_t mixed(std::uint64_t bits) noexcept {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebU;
  return bits ^ (bits >> 31);
}

} // namespace

record_id opening_id(const account_key& account, unsigned attempt) noexcept {
  constexpr std::uint64_t size = opening_id_last - opening_id_first + 1;
  const auto of_account =
      static_cast<std::uint64_t>(fingerprint(account, movement::deposit, money{attempt}));
  return record_id{opening_id_first + static_cast<std::int64_t>(mixed(of_account) % size)};
}

bool is_opening(const posting& row) noexcept {
  if (!is_opening_id(row.record) || row.seq != 1 || row.type != movement::deposit
      || row.verdict != outcome::applied)
    return false;
  for (unsigned attempt = 0; attempt < opening_ids_max; ++attempt)
    if (opening_id(row.account, attempt) == row.record)
      return true;
  return false;
}

entry make_opening(const account_key& account, money balance, unsigned attempt) {
  LEDGERD_ASSERT(balance > money{} && attempt < opening_ids_max);
  return {opening_id(account, attempt), account, movement::deposit, balance};
}

} // namespace ledgerd
