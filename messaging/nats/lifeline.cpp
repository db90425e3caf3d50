// The lifeline of connection.hpp.
#include <nats/nats.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

#include "messaging/nats/connection.hpp"
#include "messaging/nats/server_urls.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto rebuild_pause_min = std::chrono::milliseconds(250);
constexpr auto rebuild_pause_max = std::chrono::milliseconds(2000);
constexpr auto ping_every = std::chrono::milliseconds(1000);
constexpr auto ping_patience = std::chrono::milliseconds(5000);
constexpr auto moved_after = std::chrono::seconds(2);
constexpr auto refusal_lasts = std::chrono::seconds(10);
constexpr std::size_t refusals_kept = 16;
constexpr std::size_t refused_subjects_kept = 256;
constexpr std::string_view refused_subscription = "Subscription to \"";
constexpr std::string_view inbox_prefix = "_INBOX.";

// Both clocks at one moment: a pause between the two readings would look like a step.
std::pair<steady::time_point, link_watch::wall_time> read_clocks() {
  for (;;) {
    const auto before = steady::now();
    const auto wall = std::chrono::system_clock::now();
    if (steady::now() - before < link_watch::step_back_max / 2)
      return {before, wall};
  }
}

std::string milliseconds_text(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count())
         + " ms";
}

} // namespace

// -- link_watch

std::string link_watch::look(time_point now, wall_time wall, bool up, std::uint64_t signs) {
  const auto ahead = std::chrono::nanoseconds(wall.time_since_epoch())
                     - std::chrono::nanoseconds(now.time_since_epoch());
  if (!std::exchange(begun_, true)) {
    last_look_ = now;
    wall_ahead_ = ahead;
    signs_ = signs;
    silent_ = {};
    return {};
  }
  const auto passed = std::min<std::chrono::nanoseconds>(now - last_look_, 2 * look_every);
  const auto stepped_back = std::exchange(wall_ahead_, ahead) - ahead;
  last_look_ = now;
  if (!up || std::exchange(signs_, signs) != signs)
    silent_ = {};
  else
    silent_ += passed;
  if (stepped_back > step_back_max)
    return "the wall clock was set back by " + milliseconds_text(stepped_back);
  if (silent_ >= silence_max)
    return "the server has been silent for " + milliseconds_text(silent_);
  return {};
}

void link_watch::begin() {
  begun_ = false;
}

// -- lifeline

lifeline::lifeline(broker_options broker, session_options options, report observe,
                   ended_limit limit)
    : broker_(std::move(broker)), options_(std::move(options)), report_(std::move(observe)),
      limit_(limit) {
  options_.events = this;
  broker_ = access();
  session_ = session::open(broker_, options_);
  up_ = true;
  supervisor_ = std::thread([this] { supervise(); });
  pinger_ = std::thread([this] { ping_for_ever(); });
}

lifeline::~lifeline() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  supervisor_.join();
  session_->silence(); // a source may still hold it
  session_->close();   // ends a ping that is under way
  pinger_.join();
}

broker_options lifeline::access() const {
  std::unique_lock lock(mutex_);
  auto broker = broker_;
  lock.unlock();
  if (broker.read_url)
    try {
      broker.url = broker.read_url();
    } catch (const std::exception& why) {
      report_(link_event::error, options_.name + ": the URL cannot be read anew: " + why.what());
    }
  return broker;
}

std::shared_ptr<session> lifeline::current() const {
  std::lock_guard lock(mutex_);
  return session_;
}

void lifeline::unsubscribe(const std::shared_ptr<session>& of, nats_subscription* one) const {
  if (of != nullptr && up())
    of->unsubscribe(one);
}

void lifeline::drain(const std::shared_ptr<session>& of, nats_subscription* one) const {
  if (of != nullptr && up())
    of->drain(one);
}

void lifeline::set_up(bool up) {
  up_.store(up, std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_acq_rel);
}

void lifeline::answered() {
  std::lock_guard lock(mutex_);
  answered_at_ = steady::now();
  suspicion_pauses_.end();
}

void lifeline::suspect(const std::string& why) {
  std::lock_guard lock(mutex_);
  const auto now = steady::now();
  if (!up() || now - answered_at_ < unanswered_max || now < next_suspicion_)
    return;
  next_suspicion_ = now + suspicion_pauses_.grow();
  suspicion_ = why;
  changed_.notify_all();
}

void lifeline::session_disconnected() {
  set_up(false);
  report_(link_event::disconnected, options_.name);
}

void lifeline::session_reconnected() {
  set_up(true);
  report_(link_event::reconnected, options_.name);
}

void lifeline::session_closed() {
  set_up(false);
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void lifeline::session_error(bool slow_consumer, const std::string& text) {
  answered(); // a refusal is an answer: a new connection would bring the same
  std::string said;
  {
    std::lock_guard lock(mutex_);
    said = redact(text, broker_.url);
    if (text.starts_with(natsStatus_GetText(NATS_NOT_PERMITTED))) {
      note_refused_subscription(text); // as it came: a secret may look like a subject
      note_refusal(said);
    }
  }
  report_(slow_consumer ? link_event::slow_consumer : link_event::error,
          options_.name + ": " + said);
}

// The broker names the subject, of one that it has taken away too. Inboxes are not counted by
// subject: each is used once.
void lifeline::note_refused_subscription(std::string_view text) {
  const auto found = text.find(refused_subscription);
  if (found == std::string_view::npos)
    return; // a publication
  text.remove_prefix(found + refused_subscription.size());
  const std::string subject(text.substr(0, text.find('"')));
  if (subject.starts_with(inbox_prefix)) {
    ++inbox_refusals_;
    return;
  }
  if (refused_subjects_.size() == refused_subjects_kept && !refused_subjects_.contains(subject))
    refused_subjects_.erase(std::min_element(
        refused_subjects_.begin(), refused_subjects_.end(),
        [](const auto& one, const auto& other) { return one.second < other.second; }));
  const auto number = refusals_.load(std::memory_order_relaxed) + 1;
  refused_subjects_.insert_or_assign(subject, number);
  refusals_.store(number, std::memory_order_release);
}

std::uint64_t lifeline::last_refusal(std::string_view subject) const {
  const std::lock_guard lock(mutex_);
  const auto found = refused_subjects_.find(subject);
  return found == refused_subjects_.end() ? 0 : found->second;
}

// An ended subscription costs a thread's stack for as long as its session lives (cnats 3.4.1),
// whatever it was ended for.
bool lifeline::keeps_too_much() {
  const auto now = steady::now();
  const auto ended = session_->subscriptions().ended;
  const bool hurries = ended >= limit_.count * ended_limit::hurry;
  if (!up() || ended < limit_.count || now < made_room_at_ + limit_.pause / (hurries ? 60 : 1))
    return false;
  made_room_at_ = now;
  return true;
}

// What the broker took away with a right does not come back with it: whatever is answered to the
// inbox waits in vain for as long as the session lives, the library's own requests too.
bool lifeline::has_lost_inbox() {
  return inbox_renewal_.is_due(inbox_refusals_, steady::now());
}

void lifeline::note_refusal(const std::string& text) {
  std::erase_if(last_refusals_, [&](const refusal& one) { return one.text == text; });
  if (last_refusals_.size() == refusals_kept)
    last_refusals_.erase(last_refusals_.begin());
  last_refusals_.push_back({text, steady::now()});
}

std::string lifeline::refusal_of(std::string_view subject) const {
  std::lock_guard lock(mutex_);
  const auto oldest = steady::now() - refusal_lasts;
  const auto found =
      std::find_if(last_refusals_.rbegin(), last_refusals_.rend(), [&](const refusal& one) {
        return one.at >= oldest && one.text.find(subject) != std::string::npos;
      });
  return found == last_refusals_.rend() ? std::string() : found->text;
}

std::string lifeline::trouble() {
  const auto [now, wall] = read_clocks();
  return watch_.look(now, wall, up(), session_->signs());
}

void lifeline::supervise() {
  std::minstd_rand random(std::random_device{}());
  auto pause = rebuild_pause_min;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    bool rebuilt = false;
    if (!closed_) {
      changed_.wait_for(lock, link_watch::look_every,
                        [this] { return closed_ || stopping_ || !suspicion_.empty(); });
      auto why = trouble();
      auto suspicion = std::exchange(suspicion_, {});
      const bool inbox_lost = has_lost_inbox();
      if (inbox_lost)
        suspicion = "the broker has refused its inbox";
      if (suspicion.empty() && keeps_too_much())
        suspicion = "it keeps " + std::to_string(session_->subscriptions().ended)
                    + " ended subscriptions, which a new connection frees";
      lock.unlock();
      if (why.empty())
        why = moved();
      if (!why.empty())
        rebuilt = drop(why);
      const bool replaced = why.empty() && !suspicion.empty() && replace(suspicion);
      lock.lock();
      if (inbox_lost && why.empty() && !replaced)
        ++inbox_refusals_; // it is still lost
      if (why.empty() || stopping_)
        continue;
    } else {
      const auto jittered = pause / 2 + std::chrono::milliseconds(random() % pause.count());
      if (changed_.wait_for(lock, jittered, [this] { return stopping_; }))
        break;
      lock.unlock();
      rebuilt = rebuild();
      lock.lock();
    }
    if (!rebuilt)
      closed_ = true;
    pause = rebuilt ? rebuild_pause_min : std::min(pause * 2, rebuild_pause_max);
  }
  lock.unlock();
  nats_ReleaseThreadMemory();
}

// Of its own: an answer that does not come holds it up by the wall clock, which may be set back.
void lifeline::ping_for_ever() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, ping_every, [this] { return stopping_; })) {
    if (!up())
      continue;
    auto through = session_;
    lock.unlock();
    through->ping(ping_patience);
    through.reset(); // the last one takes leave of the events, which wait for this mutex
    lock.lock();
  }
  lock.unlock();
  nats_ReleaseThreadMemory();
}

// The library comes back by itself, but only to where it was sent first. Not called with the mutex:
// it reads a file.
std::string lifeline::moved() {
  const auto now = steady::now();
  if (up())
    up_at_ = now;
  if (!broker_.read_url || now - up_at_ < moved_after || now - url_read_at_ < moved_after)
    return {};
  url_read_at_ = now;
  return access().url == broker_.url ? "" : "it is down, and its URL is another one now";
}

// The present session is of no use any more.
bool lifeline::drop(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || stopping_)
      return true; // that is seen to next
  }
  report_(link_event::error, options_.name + ": " + why + ": connecting anew");
  leave();
  return rebuild();
}

bool lifeline::rebuild() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = false; // before the attempt: the new session may close at once
  }
  auto fresh = fresh_session();
  if (fresh == nullptr)
    return false;
  adopt(std::move(fresh));
  return true;
}

// The present one may be as good as any: it stays until there is another. The library may have
// found its way to a server that the URL does not name.
bool lifeline::replace(const std::string& why) {
  report_(link_event::error, options_.name + ": " + why + ": connecting anew");
  auto fresh = fresh_session();
  if (fresh == nullptr)
    return false;
  leave();
  adopt(std::move(fresh));
  return true;
}

void lifeline::leave() {
  current()->silence(); // it may come back by itself meanwhile; nobody needs it then
  set_up(false);
  report_(link_event::disconnected, options_.name);
}

// Null: none is to be had.
std::shared_ptr<session> lifeline::fresh_session() {
  const auto broker = access();
  try {
    auto fresh = session::open(broker, options_);
    const std::lock_guard lock(mutex_);
    broker_.url = broker.url;
    return fresh;
  } catch (const std::runtime_error& error) {
    report_(link_event::error, options_.name + ": " + error.what());
    return nullptr;
  }
}

void lifeline::adopt(std::shared_ptr<session> fresh) {
  {
    const std::lock_guard lock(mutex_);
    std::swap(session_, fresh);
    watch_.begin();
    suspicion_.clear();
  }
  const auto is_connected = [raw = current()->raw()] {
    return natsConnection_Status(raw) == NATS_CONN_STATUS_CONNECTED;
  };
  // It may break or come back between the look and what is made of it, and tells only once.
  for (bool up = is_connected(), told = !up; told != up; up = is_connected())
    set_up(told = up);
  report_(link_event::rebuilt, options_.name);
  fresh->silence();
  fresh->close(); // whoever still holds it need not do so
}

} // namespace ledgerd
