// The seed of the property tests: fixed, so that every run is the same, unless LEDGERD_SEED says
// otherwise.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

inline std::uint64_t property_seed() {
  const auto* text = std::getenv("LEDGERD_SEED");
  return text != nullptr ? std::stoull(text) : 20261124U;
}
