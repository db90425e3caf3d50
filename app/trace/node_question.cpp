#include "app/trace/node_question.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::uint64_t number = 1;

} // namespace

// Outlives the question where the line's thread still holds it.
struct node_question::bell {
  std::mutex mutex;
  std::condition_variable rung;
  bool rings = false;
};

node_question::node_question(std::shared_ptr<peer_line> to_all, record_id id)
    : bell_(std::make_shared<bell>()), line_(std::move(to_all)) {
  line_->open([to = bell_] {
    const std::lock_guard lock{to->mutex};
    to->rings = true;
    to->rung.notify_one();
  });
  line_->send(number, encode_look_question(id));
}

void node_question::take() {
  for (const auto& reply : line_->take()) {
    nobody_ = nobody_ || reply.nobody;
    auto look = decode_look(reply.payload);
    if (!look)
      continue;
    const auto boot = look->boot;
    if (std::any_of(answers_.begin(), answers_.end(),
                    [boot](const auto& each) { return each.boot == boot; }))
      continue;
    answers_.push_back(*std::move(look));
    last_ = clock::now();
  }
}

const std::vector<record_look>& node_question::answers(std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds look_every{200}; // as the line wants
  const auto until = clock::now() + patience;
  for (;;) {
    take();
    const auto end = answers_.empty() ? until : std::min(until, last_ + quiet);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now());
    if (left.count() <= 0 || (nobody_ && answers_.empty()))
      return answers_;
    std::unique_lock lock{bell_->mutex};
    bell_->rung.wait_for(lock, std::min(left, look_every), [this] { return bell_->rings; });
    bell_->rings = false;
  }
}

} // namespace ledgerd
