#include "app/operations/numbers_desk.hpp"

#include <utility>

#include "messaging/numbers_question.hpp"

namespace ledgerd {

namespace {

// Who asks meanwhile is told with the others, or asks again.
constexpr std::size_t waiting_max = 256;

std::int64_t microseconds_now() {
  using std::chrono::microseconds, std::chrono::system_clock;
  return std::chrono::duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

} // namespace

void numbers_desk::open(report_source actors) {
  const std::lock_guard lock{mutex_};
  actors_ = std::move(actors);
  under_way_ = false;
  waiting_.clear();
}

bool numbers_desk::take(const api_question& asked, const std::shared_ptr<question_desk>& through) {
  const auto question = decode_numbers_question(asked.payload);
  if (!question)
    return false;
  if (!question->node.empty() && question->node != self_.name)
    return true; // that node answers
  report_source ask;
  {
    const std::lock_guard lock{mutex_};
    if (!actors_ || waiting_.size() >= waiting_max)
      return true;
    if (!last_.empty() && std::chrono::steady_clock::now() - last_at_ < fresh) {
      through->answer(asked.reply, last_, {});
      return true;
    }
    waiting_.push_back({through, asked.reply});
    if (std::exchange(under_way_, true))
      return true;
    ask = actors_;
  }
  ask([self = shared_from_this()](const reports& all) { self->gathered(all); });
  return true;
}

void numbers_desk::gathered(const reports& all) {
  const auto text = actors_text(actors_document(self_, all, microseconds_now()), bytes_max_);
  std::vector<asker> to;
  {
    const std::lock_guard lock{mutex_};
    under_way_ = false;
    to = std::exchange(waiting_, {});
    last_ = text;
    last_at_ = std::chrono::steady_clock::now();
  }
  for (const auto& each : to)
    each.desk->answer(each.reply, text, {});
}

} // namespace ledgerd
