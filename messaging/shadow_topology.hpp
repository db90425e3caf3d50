// The durable consumers of a shadow. Pure; any thread.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "messaging/names.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace names {

// What a shadow reads: its own, beside those of the service that it is compared with.
inline constexpr std::string_view shadow_request_consumer = "request-consumer-shadow";
inline constexpr std::string_view shadow_result_consumer = "result-consumer-shadow";

} // namespace names

// One for all requests, without a filter: a shadow decides in the order of the stream, which is as
// near to the order of the present service as one can come.
inline constexpr auto shadow_consumers = std::to_array<durable_consumer>({
    {names::request_stream, names::shadow_request_consumer, ""},
    {names::result_stream, names::shadow_result_consumer, names::result_subjects},
});

constexpr std::span<const durable_consumer> consumers_of(bool shadow) noexcept {
  if (shadow)
    return shadow_consumers;
  return durable_consumers;
}

} // namespace ledgerd
