#include "actors/ledger/database_board.hpp"

#include <mutex>

namespace ledgerd {

namespace {

struct board {
  std::mutex mutex;
  std::string why;
};

board& of_process() {
  static board instance;
  return instance;
}

} // namespace

void note_database_fault(const std::string& why) {
  auto& noted = of_process();
  const std::lock_guard lock{noted.mutex};
  noted.why = why;
}

std::string database_fault_found() {
  auto& noted = of_process();
  const std::lock_guard lock{noted.mutex};
  return noted.why;
}

} // namespace ledgerd
