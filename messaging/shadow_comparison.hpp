// What the present service says of a record, compared with the row that a shadow of it has written.
// Pure; any thread, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "domain/currency.hpp"
#include "domain/entry.hpp"

namespace ledgerd {

// A result as it stands in its stream.
struct told_result {
  record_id record{};
  std::uint64_t seq = 0;
  std::int64_t stored_at_ns = 0; // by the broker's clock, since 1970
  std::string payload;
};

struct result_difference {
  struct field {
    std::string_view name; // status, reason, amount, balanceAfter, userId, type, currency, payload
    std::string ours;
    std::string theirs; // empty: left out
  };

  record_id record{};
  account_key account;
  std::uint64_t seq = 0;
  std::vector<field> fields; // at least one
  // Only the balance differs, and by as much as at the account's last result: it follows from a
  // difference that was told already.
  bool carried = false;
};

// status: SUCCESS is FAILED, balanceAfter: ...: for logs and tables.
std::string to_text(const result_difference& one);

class shadow_comparison {
public:
  // `currencies` outlives this object. Remembers at most `accounts_max` accounts that are off.
  explicit shadow_comparison(const currency_table& currencies, std::size_t accounts_max = 100000)
      : currencies_(currencies), accounts_max_(accounts_max) {}

  // Amounts are compared as amounts, whatever their notation; status, reason, amount and
  // balanceAfter must be there, the other fields may be left out. Numbers and times of the two
  // services are their own. Nothing: they agree. Results of an account come in the order in which
  // they were published.
  std::optional<result_difference> compare(const told_result& theirs, const posting& ours);

  std::uint64_t agreed() const noexcept { return agreed_; }
  std::uint64_t differing() const noexcept { return differing_; }
  std::uint64_t carried() const noexcept { return carried_; } // among those

  // Accounts whose balance was another one at their last result.
  std::size_t accounts_off() const noexcept { return off_.size(); }

private:
  bool follows(const account_key& account, std::optional<std::int64_t> off_by, bool alone);

  const currency_table& currencies_;
  const std::size_t accounts_max_;
  std::unordered_map<account_key, std::int64_t, account_key_hash> off_; // theirs less ours
  std::uint64_t agreed_ = 0;
  std::uint64_t differing_ = 0;
  std::uint64_t carried_ = 0;
};

} // namespace ledgerd
