// Whether a shadow may go on with the consumers that it finds. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "messaging/broker.hpp"
#include "persistence/shadow_mark.hpp"

namespace ledgerd {

// One sentence each; empty: there is nothing to say.
struct left_consumers {
  std::string refusal;
  std::string warning;
};

// `found`: the state of each of `shadow_consumers`, in their order. Refused is what an earlier
// shadow has left: then requests that it had got would be missing from this one's balances.
left_consumers judge_left_consumers(std::span<const consumer_state> found, const shadow_past& past,
                                    std::uint64_t shadow_from);

} // namespace ledgerd
