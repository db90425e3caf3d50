// What the INTAKE knows of a database that records nothing: since when, why, and whether a line of
// the log is due. Callers have their 503 and nothing waits, so what failed last is all there is to
// show, until something is recorded.
//
// Pure: no clock of its own. Belongs to one actor.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "actors/common/progress.hpp"
#include "domain/backoff.hpp"

namespace ledgerd {

class recording_trouble {
public:
  // One request that fails for its content does so by its own fault; so many users' in a row, and
  // nothing recorded, by the table's.
  static constexpr std::size_t users_max = 3;
  // No try tells whether the table takes contents again, and nobody may send any more to a node
  // that is unready: after so long without a failure it has to be tried.
  static constexpr std::chrono::seconds forgotten_after{30};
  // Between two tries with an empty batch.
  static constexpr std::chrono::seconds try_pause{1};

  // This user's request is among those of a batch that failed.
  void add_user(const std::string& user, progress_time now) {
    if (users_.size() < users_max)
      users_.insert(user);
    last_failure_ = now;
  }

  // The batch failed, and not for what it held; or the one request of it is stuck. Either may be
  // the table's fault: an empty batch, tried as soon as nothing else is, tells, but not of contents
  // that no table takes.
  void failed(std::string why, progress_time now) {
    note(std::move(why));
    tryable_ = true;
    if (!tried_well_ || users_.size() == users_max)
      wait_.begin(now);
  }

  // The one request of the batch was refused for its content.
  void refused(std::string why, progress_time now) {
    note(std::move(why));
    if (users_.size() == users_max)
      wait_.begin(now);
  }

  void try_failed(std::string why, progress_time now) {
    tried_well_ = false;
    why_ = std::move(why);
    next_try_ = now + try_pause;
    wait_.begin(now);
  }

  // Who failed before may have failed for what is over; who still fails does so for the contents.
  void try_succeeded(progress_time now) {
    tryable_ = false;
    next_try_ = now + try_pause;
    if (!std::exchange(tried_well_, true))
      users_.clear();
    if (users_.size() < users_max)
      wait_.end();
  }

  // Something was recorded. How many batches had failed in a row.
  std::int64_t succeeded() {
    const auto batches = batches_;
    *this = {};
    return batches;
  }

  void upkeep(progress_time now) {
    if (users_.empty() || now - last_failure_ < forgotten_after)
      return;
    users_.clear();
    if (!tryable_)
      wait_.end();
  }

  bool may_try(progress_time now) const { return tryable_ && now >= next_try_; }

  // At once when there is another reason, whatever row it names; else ever more seldom.
  bool may_log(progress_time now) {
    const auto reason = why_.substr(0, why_.find(" DETAIL:"));
    if (logged_ == reason && now < next_line_)
      return false;
    logged_ = reason;
    next_line_ = now + line_pauses_.grow();
    return true;
  }

  std::int64_t batches() const { return batches_; }

  // No new process would be treated otherwise.
  standstill wait(progress_time now) const {
    return {.since = wait_.since(now),
            .what = "submissions are not recorded: " + why_,
            .refused = true};
  }

private:
  void note(std::string why) {
    ++batches_;
    why_ = std::move(why);
  }

  std::int64_t batches_ = 0;
  std::string why_;
  bool tryable_ = false;
  bool tried_well_ = false;     // the last empty batch went through
  std::set<std::string> users_; // whose requests failed
  progress_time last_failure_;
  progress_time next_try_;
  awaited wait_;
  std::string logged_;
  progress_time next_line_;
  backoff line_pauses_{std::chrono::seconds{1}, std::chrono::seconds{30}};
};

} // namespace ledgerd
