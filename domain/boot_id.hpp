// The life of one process: a random number that it draws when it starts. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ledgerd {

// Never 0, which names nobody.
enum class boot_id : std::uint64_t {};

constexpr std::uint64_t to_int(boot_id id) noexcept {
  return static_cast<std::uint64_t>(id);
}

// Sixteen lower-case hexadecimal digits, as they stand in subjects.
std::string to_text(boot_id id);

// The reverse; nothing for any other text, and for 0.
std::optional<boot_id> parse_boot_id(std::string_view text) noexcept;

} // namespace ledgerd
