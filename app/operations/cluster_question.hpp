// Asks all nodes how they are, and waits for what they say.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "actors/common/protocol.hpp"
#include "app/operations/bell.hpp"
#include "messaging/cluster_answer.hpp"
#include "messaging/cluster_ports.hpp"

namespace ledgerd {

// The answers to one question. Pure.
class cluster_gathering {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // When everybody who is known has answered, somebody whom nobody knows yet may still.
  static constexpr std::chrono::milliseconds quiet{100};

  cluster_gathering(std::uint64_t number, time_point until) : number_(number), until_(until) {}

  // What is no answer to this question is ignored, as is a second one of the same node.
  void add(const line_reply& reply, time_point now);

  // How much longer to wait; zero: it is over.
  std::chrono::milliseconds left(time_point now) const;

  const std::vector<cluster_answer>& answers() const noexcept { return answers_; }

private:
  std::uint64_t number_;
  time_point until_;
  time_point last_;
  bool nobody_ = false;
  std::vector<cluster_answer> answers_;
};

// One question at a time, on one line. Belongs to one thread, which it blocks.
class cluster_question {
public:
  static constexpr std::chrono::milliseconds patience{1000};

  explicit cluster_question(std::shared_ptr<peer_line> to_all,
                            std::chrono::milliseconds at_most = patience);
  ~cluster_question();

  // Waits until all who are known have answered, at most that long. None: nobody is there, or the
  // broker is away.
  std::vector<cluster_answer> ask();

private:
  const std::shared_ptr<bell> bell_;
  const std::shared_ptr<peer_line> line_;
  const std::chrono::milliseconds at_most_;
  std::uint64_t asked_ = 0;
};

using cluster_answers = std::shared_ptr<const std::vector<cluster_answer>>;

// CLUSTER_ASKER: asks when it is asked; an answer that is younger than a second is given again.
// Detached, since it waits.
using cluster_asker_actor = caf::typed_actor<caf::replies_to<report_atom>::with<cluster_answers>>;

cluster_asker_actor::behavior_type cluster_asker(cluster_asker_actor::pointer self,
                                                 std::shared_ptr<peer_line> to_all);

} // namespace ledgerd

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::cluster_answers)
