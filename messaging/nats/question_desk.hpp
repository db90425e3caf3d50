// A question desk on a lifeline.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "messaging/nats/connection.hpp"
#include "messaging/nats/retries.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

struct desk_limits {
  std::size_t count_max = 2048;                    // questions that are not taken yet
  std::size_t bytes_max = std::size_t{4} << 20;    // what they may take
  std::size_t payload_max = payload_bytes_max;     // of one; a larger one comes without its payload
  std::string reply_prefix;                        // as in broker_options
  std::string queue_group{names::api_queue_group}; // empty: every desk gets every question
  // Whose askers have a deadline of their own: they come oldest first, none is too old, and of what
  // is too much the newest are dropped.
  bool in_order = false;
  retry_pauses retries = {}; // of subjects that the broker refuses
};

// Questions whose headers cannot be read, or could be read in two ways, it refuses by itself with
// the problem MALFORMED_REQUEST, at the next `take`. More than 64 headers, or 8 KiB of them, are
// too large.
std::unique_ptr<question_desk> make_question_desk(std::shared_ptr<lifeline> control,
                                                  std::vector<std::string> subjects,
                                                  desk_limits limits = {});

} // namespace ledgerd
