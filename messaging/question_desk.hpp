// A question desk on a lifeline. Private to this room.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "messaging/connection.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

inline constexpr std::size_t waiting_questions_max = 4096;

// Holds at most `waiting_max` questions that are not taken yet.
std::unique_ptr<question_desk> make_question_desk(std::shared_ptr<lifeline> control,
                                                  std::vector<std::string> subjects,
                                                  std::size_t waiting_max = waiting_questions_max);

} // namespace ledgerd
