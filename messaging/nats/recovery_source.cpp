#include "messaging/recovery_source.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <iterator>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "messaging/names.hpp"
#include "messaging/nats/incoming.hpp"
#include "messaging/nats/lasting_room.hpp"
#include "messaging/nats/recovery_book.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::string_view internal_header_prefix = "Nats-";

// How soon a consumer without a limit is asked again whether it has one: each question costs the
// broker.
constexpr std::chrono::milliseconds unlimited_pause_alone = std::chrono::seconds{30};
constexpr std::chrono::milliseconds unlimited_pause_announced = std::chrono::hours{1};

// What is postponed is handed out again after so long, or three times the interval if that is less.
constexpr std::chrono::milliseconds postponed_max = std::chrono::seconds{30};

// The request that an announcement tells of; nothing when it is malformed.
std::optional<std::uint64_t> announced_sequence(const std::string& announcement) {
  const auto json = nlohmann::json::parse(announcement, nullptr, false);
  if (!json.is_object() || !json.contains("stream_seq") || !json["stream_seq"].is_number_unsigned())
    return std::nullopt;
  return json["stream_seq"].get<std::uint64_t>();
}

// A request that was given up, and the announcement that tells of it, by its place in one life of
// its stream; 0 when a sweep has found the request.
struct found_request {
  std::int64_t list_made = 0;
  std::uint64_t announcement = 0;
  std::uint64_t request = 0;
};

std::string to_receipt(const found_request& one) {
  return std::to_string(one.list_made) + "." + std::to_string(one.announcement) + "."
         + std::to_string(one.request);
}

std::optional<found_request> parse_found(std::string_view receipt) {
  const auto first = receipt.find('.');
  const auto second = receipt.find('.', first + 1); // npos + 1 is 0
  if (first == receipt.npos || second == receipt.npos)
    return std::nullopt;
  const auto made = parse_number(receipt.substr(0, first));
  const auto seq = parse_number(receipt.substr(first + 1, second - first - 1));
  const auto request = parse_number(receipt.substr(second + 1));
  if (!made || !seq || !request)
    return std::nullopt;
  return found_request{static_cast<std::int64_t>(*made), *seq, *request};
}

class recovery_source final : public delivery_source {
public:
  recovery_source(broker& nats, std::string_view stream, std::string_view durable,
                  std::string_view subject, std::chrono::milliseconds interval,
                  recovery_report report)
      : nats_(nats), stream_(stream), durable_(durable), subject_(subject),
        announced_(std::string{names::exhausted_prefix}.append(durable)), interval_(interval),
        report_(std::move(report)) {}

  ~recovery_source() override {
    close();
    if (thread_.joinable())
      thread_.join();
  }

  void open(waker wake) override {
    wake_ = std::move(wake);
    thread_ = std::thread{[this] { recover_for_ever(); }};
  }

  void pull(const capacity& room) override {
    const std::lock_guard lock{mutex_};
    room_ = room;
    if (room.messages > 0)
      lasting_.look(room, steady::now());
    changed_.notify_all();
  }

  std::vector<delivery> take() override {
    const std::lock_guard lock{mutex_};
    room_.messages -= std::min(room_.messages, ready_.size());
    room_.bytes -= std::min(room_.bytes, ready_bytes_);
    ready_bytes_ = 0;
    return std::exchange(ready_, {});
  }

  void settle(std::string_view receipt, settlement how) override {
    const auto what = parse_found(receipt);
    if (!what)
      return;
    const std::lock_guard lock{mutex_};
    switch (how) {
    case settlement::acknowledge:
    case settlement::terminate:
      if (what->announcement != 0)
        done_.push_back(*what);
      break;
    case settlement::postpone:
    case settlement::let_go:
      postponed_.push_back({steady::now() + std::min(postponed_max, 3 * interval_), *what});
      break;
    case settlement::hand_back: // the process ends: the next start finds it
    case settlement::progress:
      break;
    }
  }

  void close() override {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    changed_.notify_all();
  }

private:
  struct postponed_request {
    steady::time_point due;
    found_request what;
  };

  void recover_for_ever() {
    for (;;) {
      {
        std::unique_lock lock{mutex_};
        if (changed_.wait_for(lock, interval_, [this] { return closed_; }))
          return;
      }
      trouble_.clear();
      attempt([this] { look(); });
      tell();
    }
  }

  // The next round tries again what fails; it must not keep the rest of this one from being done.
  template <class Part>
  void attempt(Part part) {
    try {
      part();
    } catch (const std::exception& e) {
      trouble_ = e.what();
    }
  }

  void tell() {
    if (trouble_.empty() && std::exchange(failed_, 0) > 0)
      report_(0, {});
    else if (!trouble_.empty() && nats_.connected() && !is_closed()) // else its link reports that
      report_(++failed_, trouble_);
  }

  void look() {
    const auto list = ask_list();
    if (is_closed())
      return; // each answer may be waited for
    const auto requests = nats_.stream(stream_);
    if (is_closed())
      return;
    life_ = requests.exists ? requests.created_at_ns : 0;
    if (book_.observe(requests, list))
      next_sweep_ = {};
    std::optional<consumer_state> limited;
    attempt([&] {
      if (steady::now() >= next_sweep_)
        limited = ask_consumer(list && list->exists);
    });
    if (!list && limited)
      trouble_ = unheard_;
    attempt([&] {
      if (list)
        read_announcements(*list);
    });
    attempt([&] {
      if (limited)
        sweep(*limited);
    });
    attempt([&] { hand_out_postponed(); });
    attempt([&] {
      if (list)
        strike_out_done();
    });
  }

  // Nothing: it is silent, while requests need not be. A consumer without a limit gives nothing up
  // and misses no announcement; one with a limit is swept without them.
  std::optional<stream_state> ask_list() {
    const bool was_heard = std::exchange(unheard_, {}).empty();
    std::optional<stream_state> list;
    try {
      list = nats_.stream(names::exhausted_stream);
    } catch (const part_silent& why) {
      unheard_ = why.what();
      book_.announcements_unheard(); // the requests may be silent too, and the round end here
    } catch (...) {
      book_.announcements_unheard();
      throw;
    }
    if (was_heard != list.has_value())
      next_sweep_ = {};
    return list;
  }

  // The consumer, if it limits deliveries, or did when announcements were missed. Where
  // announcements are kept, a limit that is set later needs no sweep to be noticed. To ask is not
  // free: nats-server 2.9 may count what is pending anew for every delivery from then on
  // (docs/decisions/0008-recovery.md).
  std::optional<consumer_state> ask_consumer(bool announcements_kept) {
    auto consumer = nats_.consumer(stream_, durable_);
    if (consumer.exists)
      book_.observe(consumer);
    const bool swept = consumer.exists && (consumer.max_deliver != 0 || book_.has_gap());
    const auto pause = swept || !consumer.exists ? interval_
                       : announcements_kept      ? unlimited_pause_announced
                                                 : unlimited_pause_alone;
    next_sweep_ = steady::now() + std::max(interval_, pause);
    return swept ? std::optional(consumer) : std::nullopt;
  }

  // The stream of announcements is a list of what is to be done: what is done is deleted.
  void strike_out_done() {
    std::vector<found_request> done;
    {
      const std::lock_guard lock{mutex_};
      done = done_;
    }
    const auto list = done.empty() ? stream_state{} : nats_.stream(names::exhausted_stream);
    std::ptrdiff_t struck = 0;
    for (const auto& one : done) {
      if (is_closed())
        break; // what is left is read once more at the next start, and known then
      if (list.exists && one.list_made == list.created_at_ns)
        strike_out(one.announcement);
      ++struck;
    }
    const std::lock_guard lock{mutex_};
    done_.erase(done_.begin(), std::next(done_.begin(), struck));
  }

  bool is_closed() {
    const std::lock_guard lock{mutex_};
    return closed_;
  }

  void strike_out(std::uint64_t seq) {
    try {
      nats_.delete_message(names::exhausted_stream, seq);
    } catch (const std::runtime_error&) {
      // Another node may have been faster.
      if (nats_.message(names::exhausted_stream, seq))
        throw;
    }
  }

  void read_announcements(const stream_state& list) {
    if (!list.exists || list.messages == 0 || list.last_seq <= book_.read())
      return;
    nats_.read(names::exhausted_stream, announced_, book_.read() + 1,
               [&](const stored_message& one) {
                 const auto seq = announced_sequence(one.payload).value_or(0);
                 if (!hand_out({list.created_at_ns, one.seq, seq}))
                   return false;
                 book_.read_to(one.seq);
                 return true;
               });
  }

  // What could not be decided when it was handed out. Nobody else keeps it: the broker gave it up,
  // and the book is past it.
  void hand_out_postponed() {
    const auto now = steady::now();
    for (;;) {
      found_request next;
      {
        const std::lock_guard lock{mutex_};
        if (postponed_.empty() || postponed_.front().due > now)
          return;
        next = postponed_.front().what;
      }
      if (!hand_out(next))
        return;
      const std::lock_guard lock{mutex_};
      postponed_.pop_front();
    }
  }

  void sweep(const consumer_state& consumer) {
    if (book_.swept() >= consumer.delivered)
      return;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto old_enough =
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - consumer.ack_wait).count();
    bool ended = true; // nothing of what was delivered is left
    nats_.read(stream_, subject_, book_.swept() + 1, [&](const stored_message& message) {
      if (message.seq > consumer.delivered)
        return false;
      ended = message.stored_at_ns <= old_enough
              && (book_.is_announced(message.seq) || hand_out({.request = message.seq}, message));
      if (ended)
        book_.swept_to(message.seq);
      return ended;
    });
    if (ended)
      book_.swept_to(std::max(book_.swept(), consumer.delivered));
  }

  // Both wait for room; false when the source is closed.
  bool hand_out(const found_request& what) {
    const auto request = what.request == 0 ? std::nullopt : nats_.message(stream_, what.request);
    if (!request || request->subject != subject_) {
      settle(to_receipt(what), settlement::acknowledge); // gone, or no announcement at all
      return true;
    }
    if (!hand_out(what, *request))
      return false;
    book_.announced(what.request);
    return true;
  }

  bool hand_out(const found_request& what, const stored_message& message) {
    delivery one;
    one.receipt = to_receipt(what);
    one.subject = message.subject;
    one.payload = message.payload;
    for (const auto& each : message.headers)
      if (!each.name.starts_with(internal_header_prefix))
        one.headers.push_back(each);
    one.stream = stream_;
    one.stream_seq = message.seq;
    one.stored_at_ns = message.stored_at_ns;
    // Asked before and after it was read: the stream may have been made anew since the round began.
    if (const auto from = nats_.stream(stream_); from.exists && from.created_at_ns == life_)
      one.incarnation = life_;
    std::unique_lock lock{mutex_};
    const auto bytes = bytes_of(one);
    changed_.wait(lock, [this, bytes] { return closed_ || has_room(bytes); });
    if (closed_)
      return false;
    ready_bytes_ += bytes;
    ready_.push_back(std::move(one));
    if (ready_.size() == 1)
      wake_();
    return true;
  }

  // What is larger than all the room there is goes alone.
  bool has_room(std::size_t bytes) const {
    return ready_.size() < room_.messages
           && (ready_bytes_ + bytes <= room_.bytes || (ready_.empty() && lasting_.is_back(room_)));
  }

  broker& nats_;
  const std::string stream_;
  const std::string durable_;
  const std::string subject_;
  const std::string announced_; // the subject of the announcements
  const std::chrono::milliseconds interval_;
  const recovery_report report_;
  recovery_book book_;            // the thread's only, as are the next five
  std::string trouble_;           // why this round failed; empty: it has not
  std::string unheard_;           // why the announcements could not be looked at; empty: they were
  std::size_t failed_ = 0;        // rounds in a row
  std::int64_t life_ = 0;         // when the stream was made, as the round began; 0: it is missing
  steady::time_point next_sweep_; // ask for the consumer's state then
  std::mutex mutex_;
  std::condition_variable changed_;
  capacity room_{0, 0};
  lasting_room lasting_;
  std::size_t ready_bytes_ = 0;
  bool closed_ = false;
  std::vector<delivery> ready_;
  std::vector<found_request> done_;         // whose announcements are to be deleted
  std::deque<postponed_request> postponed_; // by `due`: 32 bytes for each that is not decided
  waker wake_;
  std::thread thread_;
};

} // namespace

std::unique_ptr<delivery_source> make_recovery_source(broker& nats, std::string_view stream,
                                                      std::string_view durable,
                                                      std::string_view subject,
                                                      std::chrono::milliseconds interval,
                                                      recovery_report report) {
  return std::make_unique<recovery_source>(nats, stream, durable, subject, interval,
                                           std::move(report));
}

} // namespace ledgerd
