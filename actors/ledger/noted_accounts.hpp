// The accounts that somebody should know of: those for which most comes, and those that wait
// longest. Ten of each, whatever happens. Plain classes; each belongs to one actor.
#pragma once

#include <caf/actor_clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "actors/common/report.hpp"
#include "domain/entry.hpp"

namespace ledgerd {

// What is noted beside an account that is in use.
struct account_heat {
  std::uint32_t window = 0;  // to which the count belongs; 0: none yet
  std::uint32_t entries = 0; // that came in it
};

// Those for which most entries came in the last whole window, exactly: each account in use keeps
// its count. One comparison for an account that is not among them.
class hot_accounts {
public:
  using time_point = caf::actor_clock::time_point;
  static constexpr std::chrono::milliseconds window{10000};

  void begin(time_point now) { began_ = now; }

  void note(const account_key& account, account_heat& heat, std::size_t entries);

  // Time passes: called at least once a second.
  void pass(time_point now);

  // The hottest first. As long as there is no whole window yet, of the present one.
  std::vector<noted_account> hottest(time_point now) const;

private:
  struct place {
    account_key account;
    std::uint32_t entries;
  };

  void enter(const account_key& account, std::uint32_t entries);

  std::uint32_t window_ = 1;
  time_point began_; // the present window
  std::vector<place> present_;
  std::uint32_t floor_ = 0; // what it takes to be among them
  std::vector<place> last_;
  std::chrono::milliseconds lasted_{0}; // the last window; 0: there is none
};

// Those that wait longest, of all that are shown to it.
class longest_waits {
public:
  using time_point = caf::actor_clock::time_point;

  // What waits for less is on its way.
  static constexpr std::chrono::milliseconds shown_after{250};

  explicit longest_waits(time_point now) : now_(now) {}

  bool is_long(time_point since) const { return now_ - since >= shown_after; }

  void add(const account_key& account, std::uint64_t entries, time_point since,
           std::string_view reason);

  // The longest first.
  std::vector<noted_account> take();

private:
  time_point now_;
  std::vector<noted_account> found_;
};

// The ten of each sort that have most, of what several actors have noted: the hottest and the
// longest waiting first, the hot before the waiting.
std::vector<noted_account> most_noted(std::vector<noted_account> all);

} // namespace ledgerd
