#include "app/operations/cluster_question.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace ledgerd {

void cluster_gathering::add(const line_reply& reply, time_point now) {
  if (reply.number != number_)
    return;
  nobody_ = nobody_ || reply.nobody;
  auto answer = decode_answer(reply.payload);
  if (!answer)
    return;
  const auto boot = answer->word.boot;
  if (std::any_of(answers_.begin(), answers_.end(),
                  [boot](const cluster_answer& each) { return each.word.boot == boot; }))
    return;
  answers_.push_back(*std::move(answer));
  last_ = now;
}

std::chrono::milliseconds cluster_gathering::left(time_point now) const {
  if (nobody_ && answers_.empty())
    return std::chrono::milliseconds{0};
  const bool complete = !answers_.empty() && is_complete(answers_);
  const auto end = complete ? std::min(until_, last_ + quiet) : until_;
  // Rounded up, so that the wait does not end before its time.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
  return std::max(left, std::chrono::milliseconds{0});
}

cluster_question::cluster_question(std::shared_ptr<peer_line> to_all,
                                   std::chrono::milliseconds at_most)
    : bell_(std::make_shared<bell>()), line_(std::move(to_all)), at_most_(at_most) {
  line_->open([to = bell_] { to->ring(); });
}

cluster_question::~cluster_question() = default;

std::vector<cluster_answer> cluster_question::ask() {
  using clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds look_every{250}; // as the line wants
  cluster_gathering gathered{++asked_, clock::now() + at_most_};
  line_->send(asked_, "");
  for (;;) {
    for (const auto& reply : line_->take())
      gathered.add(reply, clock::now());
    const auto left = gathered.left(clock::now());
    if (left.count() == 0)
      return gathered.answers();
    bell_->wait(std::min(left, look_every));
  }
}

cluster_asker_actor::behavior_type cluster_asker(cluster_asker_actor::pointer,
                                                 std::shared_ptr<peer_line> to_all) {
  struct memory {
    explicit memory(std::shared_ptr<peer_line> line) : question(std::move(line)) {}

    cluster_question question;
    cluster_answers last;
    std::chrono::steady_clock::time_point at;
  };
  const auto state = std::make_shared<memory>(std::move(to_all));
  return {
      [state](report_atom) {
        constexpr std::chrono::seconds fresh{1};
        const auto now = std::chrono::steady_clock::now();
        if (!state->last || now - state->at > fresh) {
          state->last = std::make_shared<const std::vector<cluster_answer>>(state->question.ask());
          state->at = std::chrono::steady_clock::now();
        }
        return state->last;
      },
  };
}

} // namespace ledgerd
