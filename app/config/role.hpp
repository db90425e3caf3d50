// What a node does.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ledgerd {

enum class role : std::uint8_t { ledger, account };

// The word for it in options and logs.
constexpr std::string_view to_text(role which) noexcept {
  return which == role::ledger ? "ledger" : "account";
}

// Nothing for any other text.
constexpr std::optional<role> parse_role(std::string_view text) noexcept {
  for (const auto each : {role::ledger, role::account})
    if (text == to_text(each))
      return each;
  return std::nullopt;
}

} // namespace ledgerd
