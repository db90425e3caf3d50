#include "app/operations/topology_board.hpp"

#include <utility>

namespace ledgerd {

std::string topology_board::problem() const {
  const std::lock_guard lock{mutex_};
  auto result = unseen_;
  for (const auto& one : wrong_)
    result.append(result.empty() ? "" : "; ").append(one);
  return result;
}

topology_counts topology_board::counts() const {
  const std::lock_guard lock{mutex_};
  auto result = counts_;
  result.refused = wrong_.size();
  return result;
}

std::optional<stream_marks> topology_board::marks() const {
  const std::lock_guard lock{mutex_};
  return marks_;
}

void topology_board::seen(const stream_marks& marks) {
  const std::lock_guard lock{mutex_};
  marks_ = marks;
}

std::vector<stream_fill> topology_board::fills() const {
  const std::lock_guard lock{mutex_};
  return fills_;
}

void topology_board::filled(std::vector<stream_fill> fills) {
  const std::lock_guard lock{mutex_};
  fills_ = std::move(fills);
}

void topology_board::wrong(const std::vector<std::string>& sentences) {
  const std::lock_guard lock{mutex_};
  wrong_ = sentences;
}

void topology_board::unseen(const std::string& sentence) {
  const std::lock_guard lock{mutex_};
  unseen_ = sentence;
}

void topology_board::made_again(std::size_t count) {
  const std::lock_guard lock{mutex_};
  counts_.made_again += count;
}

void topology_board::deleted_unread(std::uint64_t count) {
  const std::lock_guard lock{mutex_};
  counts_.deleted_unread += count;
}

} // namespace ledgerd
