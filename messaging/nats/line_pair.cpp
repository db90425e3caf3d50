#include "messaging/nats/line_pair.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <map>
#include <utility>

#include "messaging/nats/incoming.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds look_every{20};
constexpr milliseconds echo_wait_min{25};
constexpr milliseconds echo_wait_max{5000};
constexpr auto report_every = std::chrono::seconds(30);
constexpr std::string_view inbox_place = "_INBOX.";

constexpr const char* parting_text =
    "the connections \"control\" and \"data\" reach two NATS systems, or two servers of one that "
    "do not hear each other: what is published on the one does not come in on the other; nothing "
    "is pulled, published or acknowledged";

} // namespace

// What was said and is waited for, and whether it has come in.
class line_pair::echoes final : public message_sink {
public:
  void receive(nats_message* raw) override {
    const std::lock_guard lock(mutex_);
    if (const auto found = heard_.find(reply_number(subject_of(raw))); found != heard_.end()) {
      found->second = true;
      changed_.notify_all();
    }
  }

  void expect(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    heard_[number] = false;
  }

  bool wait(std::uint64_t number, milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most, [&] { return heard_[number]; });
  }

  void forget(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    heard_.erase(number);
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, bool> heard_;
};

line_pair::line_pair(std::shared_ptr<lifeline> control, std::shared_ptr<lifeline> data,
                     bool may_answer, lifeline::report observe)
    : control_(std::move(control)), data_(std::move(data)), may_answer_(may_answer),
      report_(std::move(observe)), echoes_(std::make_shared<echoes>()), inbox_(control_, echoes_) {
  if (may_answer_)
    thread_ = std::thread([this] { run(); });
}

line_pair::~line_pair() {
  stopping_ = true;
  if (thread_.joinable())
    thread_.join();
}

bool line_pair::wait_joined(milliseconds at_most) const {
  for (const auto until = steady::now() + at_most; !joined();
       std::this_thread::sleep_for(milliseconds(1)))
    if (steady::now() >= until)
      return false;
  return true;
}

std::string line_pair::parting() const {
  if (!parted_ || joined())
    return {};
  const auto refusal = data_->refusal_of(inbox_place);
  return refusal.empty() ? parting_text : parting_text + ("; " + refusal);
}

bool line_pair::reaches_control(session& through, milliseconds at_most) {
  const auto until = steady::now() + at_most;
  if (!may_answer_)
    return true;
  for (auto wait = echo_wait_min; steady::now() < until; wait *= 2)
    if (hears(through, wait, stopping_, epochs()))
      return true;
  return false;
}

bool line_pair::hears(session& through, milliseconds at_most, const std::atomic<bool>& stop,
                      std::uint64_t while_at) {
  std::uint64_t number = 0;
  std::string place;
  {
    const std::lock_guard lock(inbox_mutex_);
    if (inbox_.ready() != nullptr)
      place = inbox_.subject(number = ++said_);
  }
  echoes_->expect(number);
  bool heard = false;
  if (place.empty() || !through.publish(place, {}, std::string_view()).empty())
    std::this_thread::sleep_for(look_every);
  else
    for (const auto until = steady::now() + at_most;
         !heard && !stop && epochs() == while_at && steady::now() < until;)
      heard = echoes_->wait(number, std::min(at_most, look_every));
  echoes_->forget(number);
  return heard;
}

void line_pair::note(bool parted) {
  const auto now = steady::now();
  const bool was_parted = parted_.exchange(parted);
  if (parted && (!was_parted || now >= next_report_)) {
    report_(link_event::error, parting_text);
    next_report_ = now + report_every;
  } else if (!parted && was_parted) {
    report_(link_event::error,
            "the connections \"control\" and \"data\" reach one NATS system again");
  }
}

// Both: a name that was moved leads them to one place then, and the server that is cut off from its
// cluster may be that of either. Nobody else uses them meanwhile, and so nobody else would find
// out.
void line_pair::connect_anew() {
  for (const auto& line : {control_, data_})
    line->suspect("what is published on \"data\" does not come in on \"control\"");
}

void line_pair::run() {
  std::uint64_t at = 0;
  auto wait = echo_wait_min;
  steady::time_point since;
  while (!stopping_) {
    const auto now_at = epochs(); // before the sessions are taken: one that comes later is another
    if (joined() || !control_->up() || !data_->up()) {
      std::this_thread::sleep_for(look_every);
      continue;
    }
    if (std::exchange(at, now_at) != now_at) {
      wait = echo_wait_min;
      since = steady::now();
    }
    if (hears(*data_->current(), wait, stopping_, at)) {
      joined_at_.store(at, std::memory_order_release);
      note(false);
    } else if (steady::now() - since >= missing_after && epochs() == at) {
      note(true);
      connect_anew();
    }
    wait = std::min(wait * 2, echo_wait_max);
  }
  nats_ReleaseThreadMemory();
}

} // namespace ledgerd
