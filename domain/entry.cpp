#include "domain/entry.hpp"

#include <charconv>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

constexpr std::string_view insufficient_funds_text = "INSUFFICIENT_FUNDS";
constexpr std::string_view balance_overflow_text = "BALANCE_OVERFLOW";

class fnv1a {
public:
  void add(std::string_view bytes) noexcept {
    for (const char byte : bytes) {
      hash_ ^= static_cast<unsigned char>(byte);
      hash_ *= 0x100000001b3U;
    }
  }

  std::int64_t value() const noexcept { return static_cast<std::int64_t>(hash_); }

private:
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

} // namespace

std::string_view to_text(movement type) noexcept {
  return type == movement::deposit ? "DEPOSIT" : "WITHDRAWAL";
}

std::optional<movement> parse_movement(std::string_view text) noexcept {
  for (const auto type : {movement::deposit, movement::withdrawal})
    if (text == to_text(type))
      return type;
  return std::nullopt;
}

std::int64_t fingerprint(const account_key& account, movement type, money amount) noexcept {
  constexpr std::string_view separator("\0", 1);
  char digits[20]; // a sign and the 19 digits of a 64-bit number
  const auto end = std::to_chars(digits, digits + sizeof digits, amount.minor_units()).ptr;
  fnv1a hash;
  hash.add(account.user_id);
  hash.add(separator);
  hash.add(account.currency.text());
  hash.add(separator);
  hash.add(to_text(type));
  hash.add(separator);
  hash.add({digits, static_cast<std::size_t>(end - digits)});
  return hash.value();
}

std::string_view status_text(outcome verdict) noexcept {
  LEDGERD_ASSERT(verdict == outcome::applied || verdict == outcome::insufficient_funds
                 || verdict == outcome::balance_overflow);
  return verdict == outcome::applied ? "SUCCESS" : "FAILED";
}

std::string_view reason_text(outcome verdict) noexcept {
  switch (verdict) {
  case outcome::insufficient_funds:
    return insufficient_funds_text;
  case outcome::balance_overflow:
    return balance_overflow_text;
  default:
    return {};
  }
}

std::optional<outcome> parse_reason(std::string_view text) noexcept {
  if (text == insufficient_funds_text)
    return outcome::insufficient_funds;
  if (text == balance_overflow_text)
    return outcome::balance_overflow;
  return std::nullopt;
}

bool same_content(const entry& asked, const posting& stored) noexcept {
  return asked.amount == stored.amount && asked.type == stored.type
         && asked.account == stored.account;
}

} // namespace ledgerd
