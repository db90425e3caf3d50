#include "app/operations/change_board.hpp"

#include <utility>

namespace ledgerd {

void change_board::note(node_change one) {
  const std::lock_guard lock{mutex_};
  changes_.push_back(std::move(one));
  if (changes_.size() > kept)
    changes_.pop_front();
}

std::vector<node_change> change_board::latest() const {
  const std::lock_guard lock{mutex_};
  return {changes_.rbegin(), changes_.rend()};
}

} // namespace ledgerd
