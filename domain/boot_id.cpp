#include "domain/boot_id.hpp"

#include <charconv>

namespace ledgerd {

namespace {

constexpr std::size_t digits = 16;

} // namespace

std::string to_text(boot_id id) {
  constexpr std::string_view hexadecimal = "0123456789abcdef";
  std::string result(digits, '0');
  auto rest = to_int(id);
  for (auto at = result.rbegin(); at != result.rend(); ++at, rest >>= 4)
    *at = hexadecimal[rest & 15];
  return result;
}

std::optional<boot_id> parse_boot_id(std::string_view text) noexcept {
  if (text.size() != digits || text.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return std::nullopt;
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (value == 0)
    return std::nullopt;
  return boot_id{value};
}

} // namespace ledgerd
