// A question desk on a lifeline.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "messaging/nats/connection.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

struct desk_limits {
  std::size_t count_max = 2048;                 // questions that are not taken yet
  std::size_t bytes_max = std::size_t{4} << 20; // what they may take
  std::string reply_prefix;                     // as in broker_options
};

std::unique_ptr<question_desk> make_question_desk(std::shared_ptr<lifeline> control,
                                                  std::vector<std::string> subjects,
                                                  desk_limits limits = {});

} // namespace ledgerd
