// How many dead letters a repair will work through, for whoever shows how far it is.
#pragma once

#include <cstdint>
#include <optional>

#include "app/repair/repair.hpp"

namespace ledgerd {

// A stream with more letters is not worth reading twice.
inline constexpr std::uint64_t counted_letters_max = 100000;

// How many letters the order means; those of a filter are read for it. Nothing: told to stop, or
// there are too many. Waits; throws std::runtime_error.
std::optional<std::uint64_t> count_meant(const repair_tools& tools, const repair_order& order,
                                         const stop_asked& stop);

} // namespace ledgerd
