// The durable consumers of a shadow. Any thread.
#pragma once

#include <array>
#include <span>

#include "messaging/topology.hpp"

namespace ledgerd {

namespace names {
extern std::array<durable_consumer, 2> chosen_shadow_consumers; // written by choose_names alone
} // namespace names

// One for all requests, without a filter: a shadow decides in the order of the stream, which is as
// near to the order of the present service as one can come. Then one for its results.
inline constexpr const auto& shadow_consumers = names::chosen_shadow_consumers;

inline std::span<const durable_consumer> consumers_of(bool shadow) noexcept {
  if (shadow)
    return shadow_consumers;
  return durable_consumers;
}

} // namespace ledgerd
