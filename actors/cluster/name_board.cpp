#include "actors/cluster/name_board.hpp"

#include <mutex>

namespace ledgerd {

namespace {

struct board {
  std::mutex mutex;
  std::string sentence;
};

board& of_process() {
  static board instance;
  return instance;
}

} // namespace

void note_namesake(const std::string& what) {
  auto& all = of_process();
  const std::lock_guard lock{all.mutex};
  all.sentence = what;
}

std::string namesake_found() {
  auto& all = of_process();
  const std::lock_guard lock{all.mutex};
  return all.sentence;
}

} // namespace ledgerd
