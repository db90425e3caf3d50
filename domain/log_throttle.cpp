#include "domain/log_throttle.hpp"

#include <utility>

namespace ledgerd {

namespace {

constexpr std::string_view other_kinds = "other";

} // namespace

log_throttle::log_throttle(std::chrono::milliseconds pause) : pause_(pause) {}

std::optional<std::uint64_t> log_throttle::admit(std::string_view kind, time_point now) {
  auto found = kinds_.find(kind);
  if (found == kinds_.end()) {
    if (kinds_.size() >= kinds_max)
      std::erase_if(kinds_, [&](const auto& each) {
        return each.second.left_out == 0 && now - each.second.last_line >= pause_;
      });
    if (kinds_.size() >= kinds_max && kind != other_kinds)
      return admit(other_kinds, now);
    kinds_.emplace(kind, record{now});
    return 0;
  }
  auto& seen = found->second;
  if (now - seen.last_line < pause_) {
    ++seen.left_out;
    return std::nullopt;
  }
  seen.last_line = now;
  return std::exchange(seen.left_out, 0);
}

std::vector<log_throttle::silence> log_throttle::overdue(time_point now) {
  std::vector<silence> result;
  for (auto& [kind, seen] : kinds_)
    if (seen.left_out > 0 && now - seen.last_line >= pause_) {
      result.push_back({kind, std::exchange(seen.left_out, 0)});
      seen.last_line = now;
    }
  return result;
}

std::string left_out_text(std::uint64_t count) {
  return count == 0 ? std::string()
                    : " (" + std::to_string(count) + " more like this were left out)";
}

} // namespace ledgerd
