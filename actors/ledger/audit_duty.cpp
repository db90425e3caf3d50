#include "actors/ledger/audit_duty.hpp"

#include <algorithm>
#include <mutex>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

struct board {
  std::mutex mutex;
  std::optional<std::chrono::steady_clock::time_point> since;
};

board& of_process() {
  static board instance;
  return instance;
}

} // namespace

boot_id auditor_among(std::span<const audit_candidate> owners) {
  LEDGERD_ASSERT(!owners.empty());
  const auto grown_up = std::find_if(owners.begin(), owners.end(),
                                     [](const auto& each) { return each.up >= audit_grown_up; });
  return (grown_up == owners.end() ? owners.front() : *grown_up).boot;
}

void note_audit_duty(bool ours, std::chrono::steady_clock::time_point now) {
  auto& noted = of_process();
  const std::lock_guard lock{noted.mutex};
  if (!ours)
    noted.since.reset();
  else if (!noted.since)
    noted.since = now;
}

std::optional<std::chrono::steady_clock::time_point> audit_duty_since() {
  auto& noted = of_process();
  const std::lock_guard lock{noted.mutex};
  return noted.since;
}

} // namespace ledgerd
