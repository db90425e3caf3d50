// Progress: one idea that health, supervision, lease renewal and the shutdown share. Whoever waits
// for something that ought to come knows since when; a root asks its children regularly, and a
// child that does not answer waits for itself. What stands still for longer than `standstill_after`
// makes the node unready, stops its pulling and lets the leases of what it holds run out, so that a
// healthy node gets it.
//
// Plain classes without an actor; each belongs to one actor, only `progress_board` is shared.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/common/report.hpp"

namespace ledgerd {

using progress_time = std::chrono::steady_clock::time_point;

inline constexpr std::chrono::milliseconds standstill_after{3500};
inline constexpr std::chrono::milliseconds unanswered_after{15000}; // the same for mere answers
inline constexpr std::chrono::milliseconds hesitates_after{1500}; // may go on yet; see `hesitates`
inline constexpr std::chrono::milliseconds roll_call_pause{500};  // between two questions of a root

// Since when something has been waited for in vain.
class awaited {
public:
  // Something is waited for from now on, unless it is already.
  void begin(progress_time now) {
    if (!since_)
      since_ = now;
  }

  // Something came; with `more`, the next is waited for.
  void came(progress_time now, bool more) { since_ = more ? std::optional{now} : std::nullopt; }

  void end() { since_.reset(); }

  // Zero when nothing is waited for.
  std::chrono::milliseconds since(progress_time now) const {
    return since_ ? std::chrono::duration_cast<std::chrono::milliseconds>(now - *since_)
                  : std::chrono::milliseconds{0};
  }

private:
  std::optional<progress_time> since_;
};

// Whether the node takes nothing more and lets others have what it holds because of it.
bool halts_the_rest(const standstill& wait);

// The longer of two waits; one that halts the rest already before one that never does.
standstill longer(standstill one, standstill other);

// What comes to a halt when an actor stands still.
enum class duty : std::uint8_t {
  moves_money, // the node takes nothing more and lets others have what it holds
  answers,     // questions only: it shows, after `unanswered_after`, and all else goes on
};

// Something of a side that stands still.
struct standing_actor {
  std::string who; // such as "gate 0"
  standstill wait;
  duty what = duty::moves_money;
  bool silent = false; // it does not answer; otherwise it waits for something else
};

// The first that a new process might cure; null: nothing, or each waits aside, or for what a server
// refuses.
const standing_actor* worth_a_restart(const std::vector<standing_actor>& standing);

// What a root knows of its children's progress.
class roll_call {
public:
  // Returns the child's number.
  std::size_t add(std::string who, duty what);

  std::size_t size() const { return children_.size(); }

  // Whether the child has answered the last question: it gets the next only then.
  bool may_ask(std::size_t number) const { return !children_[number].asked; }

  void asked(std::size_t number, progress_time now) { children_[number].asked = now; }
  void answered(std::size_t number, progress_time now, standstill wait);

  // Whether a child that moves money has waited, or has not answered, for `hesitates_after`. It may
  // go on yet, but nobody vouches for it: what another node should get after the acknowledgement
  // wait, if it does not, is counted from here.
  bool hesitates(progress_time now) const;

  // The children that have stood still for as long as their duty allows, the longest first.
  std::vector<standing_actor> standing(progress_time now) const;

private:
  struct child {
    std::string who;
    duty what;
    std::optional<progress_time> asked; // the question that is not answered yet
    standstill wait;                    // as of the last answer
    progress_time answered;
  };
  std::vector<child> children_;
};

// Where the roots leave what they know, for the threads that watch the process. Thread-safe.
class progress_board {
public:
  // From a side's root, at every roll call.
  void note(const std::string& side, std::vector<standing_actor> standing, progress_time now);

  // The side is going down: it is not expected to move any more.
  void leave(const std::string& side);

  // What stands still on any side; a root that has not been heard for `standstill_after` is one of
  // them.
  std::vector<standing_actor> standing(progress_time now) const;

private:
  struct page {
    std::vector<standing_actor> standing;
    progress_time noted;
  };
  mutable std::mutex mutex_;
  std::map<std::string, page> pages_;
};

} // namespace ledgerd
