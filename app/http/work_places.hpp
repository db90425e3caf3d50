// How much may be at work at once, and for whom. One thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

namespace ledgerd {

// One client may take three quarters of the places; the last quarter is for clients that hold
// little, so that whoever comes beside a greedy one finds a place.
class work_places {
public:
  explicit work_places(std::size_t places_max) : max_{places_max} {}

  // False: there is no place for this client.
  bool take(const std::string& client) {
    const auto found = held_.find(client);
    const auto held = found == held_.end() ? 0 : found->second;
    const bool plenty = taken_ < max_ - max_ / 4;
    if (!plenty && (taken_ >= max_ || held > max_ / 16))
      return false;
    ++taken_;
    ++held_[client];
    return true;
  }

  // A place that it took.
  void give_back(const std::string& client) {
    const auto found = held_.find(client);
    --taken_;
    if (--found->second == 0)
      held_.erase(found);
  }

  bool crowded() const noexcept { return taken_ > max_ / 2; }
  std::size_t taken() const noexcept { return taken_; }

private:
  const std::size_t max_;
  std::size_t taken_ = 0;
  std::unordered_map<std::string, std::size_t> held_; // by client; none with 0
};

} // namespace ledgerd
