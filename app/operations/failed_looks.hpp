// When the log has a line of a look that fails again and again: one failure may meet a server that
// restarts, and later ones say what is known.
#pragma once

#include <cstddef>

namespace ledgerd {

// So many failures in a row are a trouble.
inline constexpr std::size_t failed_looks_min = 3;

// At the first of these, and at every thirtieth after it.
constexpr bool is_line_due(std::size_t failed) noexcept {
  return failed >= failed_looks_min && (failed - failed_looks_min) % 30 == 0;
}

} // namespace ledgerd
