// What the machine gives this process, and the defaults that follow from it. Any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "app/config/engine_settings.hpp"

namespace ledgerd {

// How many processors this process may use, at least 1: those of its affinity, or what the quotas
// of its control group and of those above it (version 2, `cpu.max`) come to, rounded up, when that
// is less.
unsigned usable_processors();

// The text of a `cpu.max`, as processors, rounded up; nothing when it sets no limit or is none.
std::optional<unsigned> parse_cpu_quota(std::string_view text) noexcept;

// What nobody has set is derived (docs/decisions/0026-derived-defaults-and-status.md). Never less
// than the defaults of `engine_settings`. Pure.
engine_settings derive_engine(unsigned processors, std::size_t memory_max) noexcept;

} // namespace ledgerd
