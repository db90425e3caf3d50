// The connection to NATS: a session is one connection of the library, a lifeline keeps one up for
// ever.
//
// Only the .cpp files of the room see the library's header; here its handles
// are opaque.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "domain/backoff.hpp"
#include "messaging/broker.hpp"
#include "messaging/nats/renewal.hpp"

// The library's own opaque types, as nats.h declares them.
using nats_connection = struct __natsConnection;     // NOLINT(bugprone-reserved-identifier)
using nats_subscription = struct __natsSubscription; // NOLINT(bugprone-reserved-identifier)
using nats_message = struct __natsMsg;               // NOLINT(bugprone-reserved-identifier)

namespace ledgerd {

// Receives a subscription's messages on the subscription's own thread. Kept alive by the
// subscription until that thread has ended, so that it may outlive whoever made it.
class message_sink {
public:
  virtual ~message_sink() = default;

  // Reads the message, which is gone once this has returned.
  virtual void receive(nats_message* message) = 0;
};

// Messages that are done with, destroyed many at a time. The library passes each to a thread of its
// own, so that one alone costs two switches of threads, more than all else that is done for it.
// Not thread-safe.
class spent_messages {
public:
  spent_messages() = default;
  spent_messages(const spent_messages&) = delete;
  spent_messages& operator=(const spent_messages&) = delete;
  ~spent_messages() { destroy(); }

  void add(nats_message* message);

private:
  void destroy() noexcept;

  std::vector<nats_message*> messages_;
  std::size_t bytes_ = 0;
};

// How a session's events reach its owner; called on the library's callback thread.
class session_events {
public:
  virtual ~session_events() = default;
  virtual void session_disconnected() = 0;
  virtual void session_reconnected() = 0;
  virtual void session_closed() = 0; // for good: the library has given up, or never will try
  virtual void session_error(bool slow_consumer, const std::string& text) = 0;
};

// What may wait between the library's reading thread and a subscription's own; more is dropped by
// the library, which reports a slow consumer. -1: no limit.
struct pending_limits {
  int messages = -1;
  int bytes = -1;
};

struct session_options {
  std::string name;
  bool immediate = false; // send each publication at once; otherwise within about a millisecond
  bool reconnect = true;
  // Keep what is published while the connection is away, and send it to whichever server the
  // library finds next.
  bool keep = true;
  session_events* events = nullptr; // not called any more once the session is silenced or destroyed
};

// One connection of the library with the subscriptions made on it. Subscriptions are only freed
// after the connection is closed: cnats 3.4.1 may still touch one that has just been cancelled.
class session {
public:
  // One attempt. Throws std::runtime_error with a reason that holds no secret.
  static std::shared_ptr<session> open(const broker_options& broker,
                                       const session_options& options);

  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session();

  nats_connection* raw() const noexcept { return connection_; }

  // What every question to JetStream begins with; see api_subject.
  const std::string& api_prefix() const noexcept { return api_prefix_; }

  // No event is reported once this has returned.
  void silence();

  // Ends the connection and frees the subscriptions; whoever still holds the session may go on
  // calling it. Waits for a blocked write to give up.
  void close();

  // Waits for the server's answer to a ping; false when there is none in time. Also writes what the
  // library has not written yet.
  bool ping(std::chrono::milliseconds at_most);

  // How many signs of life there have been: messages, and answers to `ping`.
  std::uint64_t signs() const noexcept { return signs_->load(std::memory_order_relaxed); }

  // A subject nobody else uses, without a trailing dot.
  std::string make_inbox() const;

  // Without `pending`, nothing is dropped silently. Null when the connection is closed. Of the
  // subscriptions in one queue group each message reaches one. Messages are never fetched one by
  // one: the library would take an empty one with the status 503 for the word that nobody answers.
  nats_subscription* subscribe(const std::string& subject, std::shared_ptr<message_sink> sink,
                               const std::string& queue_group = {}, pending_limits pending = {});
  void unsubscribe(nats_subscription* subscription);

  // Cancels at the broker at once, and still delivers what is on the way.
  void drain(nats_subscription* subscription);

  // What it keeps in memory, with a thread's stack each.
  struct kept_subscriptions {
    std::size_t standing = 0;
    std::size_t ended = 0;
  };
  // Never waits, see `message_bytes_max`.
  kept_subscriptions subscriptions() const noexcept {
    return {standing_count_.load(std::memory_order_relaxed),
            ended_count_.load(std::memory_order_relaxed)};
  }

  // Returns the error, empty when the library has taken the message.
  std::string publish(const std::string& subject, const std::string& reply,
                      std::string_view payload);

  // Whether the library has taken the message, and if not, whether it ever will.
  struct acceptance {
    publish_outcome outcome = publish_outcome::confirmed; // here: taken
    std::string error = {};
  };
  // A header without a value is left out.
  acceptance publish(const outgoing& message, const std::string& reply);

  // The server's limit for payload and headers of one message, in bytes, as it said last. Never
  // waits: the library holds its lock for seconds while it reconnects.
  std::size_t message_bytes_max() const noexcept {
    return message_bytes_max_.load(std::memory_order_relaxed);
  }

  // Reads the limit anew; waits for the library.
  void learn_limit();

private:
  session() = default;

  // Whether the library would keep what is published now, though it is not to.
  bool is_away() const noexcept;
  // Called with the mutex.
  bool end(nats_subscription* one); // false: it is freed
  void count_subscriptions() noexcept;

  nats_connection* connection_ = nullptr;
  bool keep_ = true;
  std::string api_prefix_;
  std::atomic<std::size_t> message_bytes_max_ = 0;
  // Shared with the subscriptions' threads, which may outlive the session.
  const std::shared_ptr<std::atomic<std::uint64_t>> signs_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  std::uintptr_t events_id_ = 0;
  // Held while the library is called with one: nobody frees it meanwhile.
  std::mutex subscriptions_mutex_;
  std::unordered_set<nats_subscription*> standing_;
  std::unordered_set<nats_subscription*> ended_;
  bool freed_ = false;
  std::atomic<std::size_t> standing_count_ = 0;
  std::atomic<std::size_t> ended_count_ = 0;
  std::mutex spent_mutex_;
  spent_messages spent_; // those published
};

// What a failed call of the library means, in words. `status` is a natsStatus.
std::string nats_error_text(int status);

// Judges whether a link that the library thinks is up still is. Pure; one thread, which calls
// `look` several times a second. Time in which nobody looked does not count: the process may have
// been stopped.
class link_watch {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using wall_time = std::chrono::system_clock::time_point;

  static constexpr std::chrono::milliseconds look_every{200};
  static constexpr std::chrono::milliseconds silence_max{4000};
  // By so much the wall clock may be set back: the library's waits, which end by the wall clock,
  // are prolonged by as much.
  static constexpr std::chrono::milliseconds step_back_max{250};

  // The reason why the connection must be made anew; empty when all is well. `signs` has changed
  // when there was a sign of life, `up` is what the library thinks.
  std::string look(time_point now, wall_time wall, bool up, std::uint64_t signs);

  // A new connection begins.
  void begin();

private:
  bool begun_ = false;
  time_point last_look_;
  std::chrono::nanoseconds wall_ahead_{0}; // of the steady clock
  std::uint64_t signs_ = 0;
  std::chrono::nanoseconds silent_{0};
};

// How many ended subscriptions a session may keep before it is replaced, which happens once in
// `pause` at most, or in a sixtieth of it when there are `hurry` times as many: in the end there is
// no memory for a new one.
struct ended_limit {
  static constexpr std::size_t hurry = 8;
  std::size_t count = 512;
  std::chrono::milliseconds pause{std::chrono::hours(1)};
};

// A session that is kept up for ever: the library reconnects; when it gives up, when the server
// falls silent, when those who use the link get no answers, when it has taken away where answers
// come to, or when the session keeps too much, the lifeline builds a new session.
// Thread-safe.
class lifeline final : private session_events {
public:
  using report = std::function<void(link_event, const std::string&)>;

  // Throws std::runtime_error when the first connection fails.
  lifeline(broker_options broker, session_options options, report observe, ended_limit limit = {});
  ~lifeline() override;

  // The session of the moment; never null, possibly closed or reconnecting.
  std::shared_ptr<session> current() const;

  // End a subscription that was made on one of its sessions, as the session's calls do. While the
  // link is down they do nothing: the library may hold its lock for seconds, and the session frees
  // it in the end.
  void unsubscribe(const std::shared_ptr<session>& of, nats_subscription* one) const;
  void drain(const std::shared_ptr<session>& of, nats_subscription* one) const;

  // What a new connection is made with: with the URL as it reads now, else as it was read last.
  broker_options access() const;

  // Changes whenever what was under way must be counted as lost: on a disconnect, a reconnect and a
  // rebuild.
  std::uint64_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

  bool up() const noexcept { return up_.load(std::memory_order_acquire); }

  // How many subscriptions the broker has refused or taken away, those of inboxes left out.
  std::uint64_t refusals() const noexcept { return refusals_.load(std::memory_order_acquire); }

  // Which of the refusals was the last of a subscription to this subject, from 1 on; 0: none, or
  // none of late.
  std::uint64_t last_refusal(std::string_view subject) const;

  // What the broker said when it refused this client this subject, a few seconds ago at most;
  // empty: nothing.
  std::string refusal_of(std::string_view subject) const;

  // Somebody who uses the link has been answered.
  void answered();

  // Somebody has waited for an answer for too long, though the link is up. The link is made anew
  // when nobody else has been answered for `unanswered_max` either, and less and less often while
  // that does not help: the server may be what does not answer. The present session stays until
  // there is another.
  void suspect(const std::string& why);

  static constexpr std::chrono::milliseconds unanswered_max{4500};

private:
  void session_disconnected() override;
  void session_reconnected() override;
  void session_closed() override;
  void session_error(bool slow_consumer, const std::string& text) override;

  void set_up(bool up);
  // Called with the mutex.
  void note_refusal(const std::string& text);
  void note_refused_subscription(std::string_view text);
  bool has_lost_inbox();
  bool keeps_too_much();
  void supervise();
  void ping_for_ever();
  // What is wrong with the connection; empty when nothing is. Called with the mutex.
  std::string trouble();
  std::string moved();
  // The supervisor's own. False: no session is to be had.
  bool drop(const std::string& why);
  bool replace(const std::string& why);
  bool rebuild();
  void leave();
  std::shared_ptr<session> fresh_session();
  void adopt(std::shared_ptr<session> fresh);

  broker_options broker_; // its URL: guarded by the mutex
  session_options options_;
  const report report_;
  const ended_limit limit_;
  std::atomic<std::uint64_t> epoch_ = 1;
  std::atomic<bool> up_ = false;
  std::atomic<std::uint64_t> refusals_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<session> session_;
  link_watch watch_;
  std::string suspicion_;
  struct refusal {
    std::string text;
    std::chrono::steady_clock::time_point at;
  };
  std::chrono::steady_clock::time_point up_at_ =
      std::chrono::steady_clock::now(); // last, as the supervisor saw it
  std::chrono::steady_clock::time_point url_read_at_;
  std::vector<refusal> last_refusals_; // the oldest first, each text once
  std::map<std::string, std::uint64_t, std::less<>> refused_subjects_; // by `last_refusal`
  std::uint64_t inbox_refusals_ = 0;
  renewal inbox_renewal_;
  std::chrono::steady_clock::time_point made_room_at_ =
      std::chrono::steady_clock::now() - limit_.pause;
  std::chrono::steady_clock::time_point answered_at_;
  std::chrono::steady_clock::time_point next_suspicion_;
  backoff suspicion_pauses_{std::chrono::seconds(5), std::chrono::seconds(60)};
  bool closed_ = false;
  bool stopping_ = false;
  std::thread supervisor_;
  std::thread pinger_;
};

} // namespace ledgerd
