#include "actors/ledger/database_board.hpp"

#include "actors/common/sentence_board.hpp"

namespace ledgerd {

namespace {

constexpr const char* health = "health"; // who says it

sentence_board& of_process() {
  static sentence_board instance;
  return instance;
}

} // namespace

void note_database_fault(const std::string& why) {
  if (why.empty())
    of_process().take_back(health);
  else
    of_process().say(health, why);
}

std::string database_fault_found() {
  return of_process().text();
}

} // namespace ledgerd
