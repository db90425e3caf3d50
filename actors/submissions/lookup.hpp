// LOOKUP: stands before the recorder that finds records and keeps one question there at a time:
// what comes meanwhile waits here and is asked for in one go, so a slow database gets fewer and
// larger questions. While it is silent, each caller is refused at its own deadline, and those who
// are too many at once. Spawned by the account root; never blocks.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "actors/submissions/lookup_counters.hpp"
#include "actors/submissions/protocol.hpp"

namespace ledgerd {

using lookup_actor = record_finder::extend_with<reporting_actor>::extend<
    // Time passes: deadlines.
    caf::reacts_to<tick_atom>>;

struct lookup_options {
  record_finder recorder;
  std::size_t waiting_max = 4096; // callers
  std::size_t batch_max = 500;    // record ids in one question
  std::chrono::milliseconds patience{4000};
  std::chrono::milliseconds beat{100};
};

class lookup_state {
public:
  static inline const char* name = "lookup";

  explicit lookup_state(lookup_actor::pointer self) : self_(self) {}

  lookup_actor::behavior_type make_behavior(lookup_options options);

private:
  using time_point = caf::actor_clock::time_point;

  struct caller {
    std::vector<record_id> ids;
    // So many of the ids have been asked for, and so many looked for among what was found: what is
    // beyond one question goes in the next.
    std::size_t asked = 0;
    std::size_t answered = 0;
    std::vector<transaction_record> found{};
    time_point deadline;
    caf::typed_response_promise<found_records> answer;
  };

  void refuse(lookup_state::caller& who, const std::string& why);
  void refuse_overdue();
  void on_found(const found_records& found);
  void ask_next();

  actor_report report() const;

  const lookup_actor::pointer self_;
  lookup_options options_{};
  std::deque<caller> waiting_; // oldest first
  std::vector<caller> asked_;  // for whom the recorder is at work; empty when all were refused
  bool under_way_ = false;

  lookup_counters counters_;
};

lookup_actor::behavior_type lookup(lookup_actor::stateful_pointer<lookup_state> self,
                                   lookup_options options);

} // namespace ledgerd
