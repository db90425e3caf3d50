#include "app/trace/node_question.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "messaging/cluster_answer.hpp"

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;

// What the questions are told apart by.
constexpr std::uint64_t about_record = 1;
constexpr std::uint64_t about_nodes = 2;

// Who has not been heard for so long will hardly answer.
constexpr std::uint64_t silent_ms = 3000;

bool holds(const std::vector<boot_id>& list, boot_id one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

} // namespace

// Outlives the question where the line's thread still holds it.
struct node_question::bell {
  std::mutex mutex;
  std::condition_variable rung;
  bool rings = false;
};

node_question::node_question(std::shared_ptr<peer_line> to_all, const look_question& asked)
    : bell_(std::make_shared<bell>()), line_(std::move(to_all)) {
  line_->open([to = bell_] {
    const std::lock_guard lock{to->mutex};
    to->rings = true;
    to->rung.notify_one();
  });
  line_->send(about_record, encode_look_question(asked));
  line_->send(about_nodes, "");
}

void node_question::take() {
  for (const auto& reply : line_->take()) {
    nobody_ = nobody_ || reply.nobody;
    if (reply.number == about_nodes) {
      if (const auto answer = decode_answer(reply.payload)) {
        expect(answer->word.boot, answer->word.ledger);
        for (const auto& other : answer->knows)
          expect(other.boot, other.ledger && other.age_ms < silent_ms);
      }
      continue;
    }
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

void node_question::expect(boot_id boot, bool answers) {
  if (answers && !holds(expected_, boot))
    expected_.push_back(boot);
}

bool node_question::all_have_answered() const {
  return !expected_.empty()
         && std::all_of(expected_.begin(), expected_.end(), [this](boot_id each) {
              return std::any_of(answers_.begin(), answers_.end(),
                                 [each](const auto& one) { return one.boot == each; });
            });
}

const std::vector<record_look>& node_question::answers(std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds look_every{200}; // as the line wants
  const auto until = clock::now() + patience;
  for (;;) {
    take();
    const auto end = answers_.empty() ? until : std::min(until, last_ + quiet);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now());
    if (left.count() <= 0 || all_have_answered() || (nobody_ && answers_.empty()))
      return answers_;
    std::unique_lock lock{bell_->mutex};
    bell_->rung.wait_for(lock, std::min(left, look_every), [this] { return bell_->rings; });
    bell_->rings = false;
  }
}

} // namespace ledgerd
