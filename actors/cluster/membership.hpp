// MEMBERSHIP: says once a second, and at once when it matters, that this node lives and what it is
// doing, hears what the others say, and tells its roster sinks who lives. Answers whoever asks how
// the node is.
//
// Nothing is stored that could be stale, and no wall clock decides anything. Its last word is that
// the node is gone. Spawned by a root, one for a node; never blocks.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "actors/cluster/member_table.hpp"
#include "actors/cluster/membership_counters.hpp"
#include "actors/cluster/protocol.hpp"
#include "domain/log_throttle.hpp"
#include "messaging/cluster_ports.hpp"

namespace ledgerd {

using membership_actor = word_sink::extend_with<reporting_actor>::extend<
    // The line or the desk has something (from their threads).
    caf::reacts_to<wake_atom>,
    // Time passes: the next word, silence.
    caf::reacts_to<tick_atom>>;

struct membership_options {
  node_word self; // as it begins: `doing` is ignored
  std::shared_ptr<word_line> line;
  std::shared_ptr<question_desk> desk = nullptr; // null: nobody may ask
  // Takes a question that has a payload, on this actor's thread, and says whether somebody will
  // answer it through the desk; what nobody takes is answered like one without. Null: nobody takes
  // any.
  std::function<bool(const api_question&)> other_questions = nullptr;
  std::chrono::milliseconds word_every{1000};
  std::chrono::milliseconds patience{3000}; // after which who is silent is dead
  // For so long it only listens: who else is there must be known before it owns anything. Beside a
  // node of its name or of another ledger it goes on listening.
  std::chrono::milliseconds starting_pause{500};
  std::chrono::milliseconds beat{100};
};

class membership_state {
public:
  static inline const char* name = "membership";

  explicit membership_state(membership_actor::pointer self) : self_(self) {}
  membership_state(const membership_state&) = delete;
  membership_state& operator=(const membership_state&) = delete;
  ~membership_state();

  membership_actor::behavior_type make_behavior(membership_options options);

private:
  using time_point = caf::actor_clock::time_point;

  node_doing doing() const;
  void say(time_point now);
  void say_soon(std::chrono::milliseconds pause);
  void hear(const node_word& word, bool& news);
  void take_words();
  void take_questions();
  void judge_silence(time_point now);
  const node_word* namesake() const;
  const node_word* stranger() const;
  void look_for_namesake(time_point now);
  void look_for_stranger(time_point now);
  void look_for_rivals(time_point now);
  void tell_roster();
  void on_tick();
  cluster_answer answer(time_point now) const;
  actor_report report() const;

  const membership_actor::pointer self_;
  membership_options options_{};
  member_table members_{{}, {}};
  std::vector<roster_sink> sinks_;
  std::vector<boot_id> links_;
  node_tally tally_;

  bool starting_ = true;
  node_doing told_ = node_doing::serving; // by the root
  node_doing said_ = node_doing::starting;
  time_point began_;
  time_point last_word_;
  time_point next_word_;
  time_point last_look_;
  std::chrono::milliseconds unheard_{0}; // since the last of our own words came back

  log_throttle lines_;
  log_throttle standing_lines_{std::chrono::minutes{1}}; // of what lasts until somebody looks
  membership_counters counters_;
};

membership_actor::behavior_type
membership(membership_actor::stateful_pointer<membership_state> self, membership_options options);

} // namespace ledgerd
