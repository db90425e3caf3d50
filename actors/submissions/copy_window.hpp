// Requests that were published again and are not known to be decided. Only so many are under way at
// once, so that copies can never be more than a trickle beside a backlog: while their originals
// wait in it, copies would lengthen it, and an hour of records, each published again, would keep a
// ledger busy for longer than it takes for the next to grow as old. Where there is no backlog they
// are decided at once, and the next follow.
//
// Pure; belongs to one actor.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "domain/entry.hpp"

namespace ledgerd {

class copy_window {
public:
  using time_point = std::chrono::steady_clock::time_point;

  copy_window() = default;

  // So many at once, each for so long: some may wait for what can take for ever, and nobody else
  // is to wait for that.
  copy_window(std::size_t most, std::chrono::milliseconds longest)
      : most_(most), longest_(longest) {}

  void add(record_id id, time_point now) { open_.insert_or_assign(to_int(id), now); }

  // It is decided, or was not published after all.
  void remove(record_id id) { open_.erase(to_int(id)); }

  void forget_old(time_point now) {
    std::erase_if(open_, [&](const auto& each) { return now - each.second >= longest_; });
  }

  // How many more there may be; 0 until half of the window is free, for each look costs a question.
  std::size_t room() const noexcept { return open_.size() > most_ / 2 ? 0 : most_ - open_.size(); }

  std::vector<record_id> ids(std::size_t most) const {
    std::vector<record_id> result;
    for (auto each = open_.begin(); each != open_.end() && result.size() < most; ++each)
      result.push_back(record_id{each->first});
    return result;
  }

private:
  std::size_t most_ = 0;
  std::chrono::milliseconds longest_{0};
  std::unordered_map<std::int64_t, time_point> open_; // since when
};

} // namespace ledgerd
