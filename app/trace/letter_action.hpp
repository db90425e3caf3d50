// An entry of the stream of actions: what somebody has done to a dead letter.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "messaging/broker.hpp"

namespace ledgerd {

struct letter_action {
  // Which outlives it.
  explicit letter_action(const stored_message& of);

  // Who, and why if that is said. Entries of earlier versions do not say who.
  std::string by() const;

  const stored_message& message;
  std::string what; // replay, discard
  std::uint64_t letter;
  std::string who;
  std::string why;
};

} // namespace ledgerd
