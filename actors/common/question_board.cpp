#include "actors/common/question_board.hpp"

#include <mutex>

namespace ledgerd {

namespace {

struct board {
  std::mutex mutex;
  std::map<std::string, question_tally, std::less<>> tallies; // of the subjects that we answer
  std::map<std::string, std::uint64_t, std::less<>> refused;  // by code
};

board& shared() {
  static auto* const one = new board; // threads may answer until the very end
  return *one;
}

} // namespace

void note_answered(std::string_view subject, std::chrono::nanoseconds took, int status,
                   std::string_view code) {
  const std::lock_guard lock(shared().mutex);
  auto found = shared().tallies.find(subject);
  if (found == shared().tallies.end())
    found = shared().tallies.emplace(subject, question_tally{}).first;
  auto& tally = found->second;
  ++tally.requests;
  tally.processing += took;
  if (status < 400)
    return;
  ++tally.errors;
  tally.last_error = std::to_string(status) + ":" + std::string(code);
  ++shared().refused[std::string(code)];
}

std::map<std::string, std::uint64_t, std::less<>> questions_refused() {
  const std::lock_guard lock(shared().mutex);
  return shared().refused;
}

question_tally answered_on(std::string_view subject) {
  const std::lock_guard lock(shared().mutex);
  const auto found = shared().tallies.find(subject);
  return found == shared().tallies.end() ? question_tally{} : found->second;
}

} // namespace ledgerd
