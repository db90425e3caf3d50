// JetStream as the daemon's adapters know it: streams with a duplicate window, limits and lives;
// pull consumers with leases, redelivery and limits; the questions under $JS.API as bytes. Written
// after what nats-server 2.10 does.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/network.hpp"

namespace ledgerd::sim {

// What is younger a server that is killed, or a new leader, may not know of.
inline constexpr milliseconds settled_written_within{100};

struct kept_message {
  std::uint64_t seq = 0;
  packet what;
  std::int64_t stored_at_ns = 0;
};

struct pull_request {
  std::string reply;
  owner_id owner = nobody;
  std::size_t batch = 0;
  std::size_t bytes = 0; // left
  bool limited = false;  // by bytes
  time_point expires;
  nanoseconds heartbeat{0};
  time_point next_heartbeat;
};

// A message that was handed out and is not settled.
struct leased {
  std::uint64_t consumer_seq = 0;
  time_point since;    // handed out last
  time_point deadline; // the lease runs out
  owner_id holder = nobody;
  bool queued = false;   // to be handed out again
  std::size_t bytes = 0; // of the message
};

struct stream;

struct consumer {
  std::string name;
  std::string config; // JSON
  std::string filter;
  bool headers_only = false;
  bool settles = true; // its messages are acknowledged
  nanoseconds ack_wait{std::chrono::seconds{30}};
  std::uint64_t deliver_max = 0; // 0: without limit
  std::size_t ack_pending_max = 0;
  std::int64_t created_ns = 0;
  time_point made_at{};
  bool led = true;     // else nobody answers for it
  bool told_so = true; // whoever asks one that is not led is told that nobody takes it
  std::uint64_t delivered_stream = 0, delivered_consumer = 0;
  std::uint64_t waiting = 0; // messages not handed out yet
  std::map<std::uint64_t, leased> pending;
  std::deque<std::uint64_t> again;
  std::multimap<time_point, std::uint64_t> again_later;
  std::map<std::uint64_t, std::uint64_t> deliveries;
  std::deque<pull_request> requests;
  struct settlement {
    time_point when;
    std::uint64_t seq = 0;
    time_point handed_out;
    std::uint64_t deliveries = 0;
  };
  std::deque<settlement> settled_lately; // forgotten when the server is killed

  void limit_deliveries(std::uint64_t most);

  std::size_t requests_of(owner_id whom) const;

  std::uint64_t floor() const {
    return pending.empty() ? delivered_stream : pending.begin()->first - 1;
  }
};

struct stream {
  std::string name;
  std::string config; // JSON
  std::vector<std::string> subjects;
  std::int64_t created_ns = 0;
  nanoseconds window{0};
  std::uint64_t last_seq = 0;
  std::map<std::uint64_t, kept_message> messages;
  std::map<std::string, std::pair<std::uint64_t, std::int64_t>> known; // message ids: seq, when
  std::map<std::string, std::unique_ptr<consumer>> consumers;
  bool full = false; // takes nothing at present
  // Limits that somebody has set; 0: none.
  std::size_t messages_max = 0, bytes_max = 0;
  nanoseconds age_max{0};
  bool discards_new = false; // refuses what is beyond them instead of deleting the oldest
  std::size_t bytes = 0;
  std::set<std::string> ever_stored; // message ids, also of what a limit has deleted
  time_point made_at{};
  // Settled by what was meant for the message of that number in an earlier life of the stream, sent
  // by a node that could not know better.
  std::set<std::uint64_t> excused;

  // Writes the limits into the configuration that is told.
  void tell_limits();

  // Whether another message of this size would be refused.
  bool refuses(std::size_t size) const {
    return full
           || (discards_new
               && ((messages_max > 0 && messages.size() >= messages_max)
                   || (bytes_max > 0 && bytes + size > bytes_max)));
  }
};

class jetstream {
public:
  jetstream(machine& on, network& by);

  std::map<std::string, std::unique_ptr<stream>> streams;

  // What the surroundings want to know: a lease ran out; somebody asks for messages; somebody got
  // one.
  std::function<void(const stream&, const consumer&, const kept_message&, const leased&)> on_expiry;
  std::function<void(const stream&, const consumer&, owner_id)> on_pull;
  std::function<void(const stream&, const consumer&, const kept_message&, owner_id)> on_delivery;
  // A limit deletes a message; `settled`: every consumer was done with it.
  std::function<void(const stream&, const kept_message&, bool settled)> on_expunge;

  stream* find(std::string_view name);
  consumer* find(std::string_view in, std::string_view name);

  // By the server's clock, since 1970.
  std::int64_t wall_ns() const;

  // The server was killed and is back: what clients asked is forgotten, and the last settlements.
  void restart();
  // Likewise but for the settlements; some are told. `behind`: the new leader has not heard what
  // consumers were handed and have settled in the last moments.
  void change_leader(bool behind);

  // No server leads the consumer any more; some of those who asked it are told.
  void leave_unled(consumer& at);

  // What a limit or somebody deletes.
  void erase(stream& of, std::uint64_t seq);
  // Deletes the oldest until the limits hold.
  void trim(stream& of);

  // Somebody deletes it, and makes it and its consumers anew with the same settings.
  void make_anew(std::string_view name);
  void remove(std::string_view name) { streams.erase(std::string{name}); }

  // Somebody deletes a consumer; the nodes have to notice and make it again.
  void remove(stream& of, const std::string& consumer_name);
  // Durable consumers that were deleted and are not there, by name.
  const std::set<std::string>& missing() const { return missing_; }

  time_point next_due() const { return next_tick_; }
  void pass();

private:
  friend class jetstream_api;

  bool take(connection* by, packet& one);
  void store(connection* by, stream& in, packet& one);
  void answer_publish(connection* by, const std::string& reply, std::string text);
  void settle(connection* by, const packet& one);
  void settle(consumer& at, std::uint64_t seq, std::string_view how);
  void forget_settlements(consumer& at);
  void step_back(stream& of, consumer& at);
  void note_strange(stream& of, const consumer& at, std::uint64_t seq, std::string_view stored,
                    owner_id by);
  void ask(connection* by, consumer& at, stream& of, const packet& one);

  // Hands out what can be.
  void serve(stream& of, consumer& to);
  const kept_message* next_for(stream& of, consumer& to);
  void hand_out(stream& of, consumer& to, pull_request& by, const kept_message& one);
  void give_up(stream& of, consumer& at, std::uint64_t seq);
  void end(const pull_request& one, std::string_view status, std::string_view why);
  void tick(stream& of, consumer& at);
  void send(const std::string& subject, std::string payload, std::vector<header> headers = {});

  machine& on_;
  network& by_;
  time_point next_tick_;
  std::set<std::string> missing_;
};

bool matches(const consumer& what, std::string_view subject);

// Somebody takes it, and whoever does is done with it: settled, or given up.
bool is_settled(const stream& of, const kept_message& one);

} // namespace ledgerd::sim
