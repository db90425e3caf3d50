// What became of the questions over NATS, by their subject, as this node tells whoever asks for its
// service statistics. For the process. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace ledgerd {

struct question_tally {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  std::string last_error; // 404:NOT_FOUND; empty: none yet
  std::chrono::nanoseconds processing{0};
};

// Said by whoever has answered a question: how long after its arrival, with which HTTP status, and
// of a problem the code.
void note_answered(std::string_view subject, std::chrono::nanoseconds took, int status,
                   std::string_view code);

question_tally answered_on(std::string_view subject);

// All problems that were answered, by their codes, which are words of this program.
std::map<std::string, std::uint64_t, std::less<>> questions_refused();

} // namespace ledgerd
