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
  // One request that is refused for its content is its own fault; so many users' in a row, and
  // nothing recorded, are the table's.
  static constexpr std::size_t users_max = 3;
  // No try tells whether the table takes contents again, and nobody may send any more to a node
  // that is unready: after so long without a refusal it has to be tried.
  static constexpr std::chrono::seconds forgotten_after{30};
  // Between two tries with an empty batch.
  static constexpr std::chrono::seconds try_pause{1};

  // A batch failed, and not for what it held; or the one request of it is stuck, which may be the
  // table's fault. An empty batch, tried as soon as nothing else is, tells.
  void failed(std::string why, progress_time now) {
    note(std::move(why));
    tryable_ = true;
    wait_.begin(now);
  }

  // The one request of a batch was refused for its content.
  void refused(const std::string& user, std::string why, progress_time now) {
    note(std::move(why));
    if (users_.size() < users_max)
      users_.insert(user);
    last_refused_ = now;
    if (users_.size() == users_max)
      wait_.begin(now);
  }

  // An empty batch failed.
  void try_failed(std::string why, progress_time now) {
    why_ = std::move(why);
    next_try_ = now + try_pause;
  }

  // An empty batch went through: what was refused for its content still stands.
  void try_succeeded() {
    tryable_ = false;
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
    if (users_.empty() || now - last_refused_ < forgotten_after)
      return;
    users_.clear();
    if (!tryable_)
      wait_.end();
  }

  bool may_try(progress_time now) const { return tryable_ && now >= next_try_; }

  // At once when there is another reason, else ever more seldom.
  bool may_log(progress_time now) {
    if (logged_ == why_ && now < next_line_)
      return false;
    logged_ = why_;
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
  std::set<std::string> users_; // of requests that were refused
  progress_time last_refused_;
  progress_time next_try_;
  awaited wait_;
  std::string logged_;
  progress_time next_line_;
  backoff line_pauses_{std::chrono::seconds{1}, std::chrono::seconds{30}};
};

} // namespace ledgerd
