#include "actors/common/unplaced.hpp"

#include "actors/common/sentence_board.hpp"

namespace ledgerd {

namespace {

sentence_board& of_process() {
  static sentence_board instance;
  return instance;
}

} // namespace

void note_unplaced(const std::string& who, std::size_t count, std::chrono::milliseconds oldest,
                   const std::string& cause) {
  if (count == 0)
    of_process().take_back(who);
  else
    of_process().say(who, who + ": " + std::to_string(count) + " letters are not stored, one for "
                              + std::to_string(oldest.count() / 1000) + " s: " + cause);
}

std::string unplaced_letters() {
  return of_process().text();
}

} // namespace ledgerd
