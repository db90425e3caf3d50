// Publishes a whole sequence of messages and waits for their PubAcks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "messaging/ports.hpp"

namespace ledgerd {

// See broker::publish_all. `through` must not have been opened yet.
void publish_and_wait(std::unique_ptr<publisher> through,
                      const std::function<std::optional<outgoing>()>& next, std::size_t window,
                      const std::function<void(std::uint64_t)>& progress,
                      std::chrono::milliseconds patience);

} // namespace ledgerd
