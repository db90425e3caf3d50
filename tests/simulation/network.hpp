// The connections between the nodes and the nats-server, and the server's routing of subjects. What
// the nodes' code sees of it are the functions of cnats (library.cpp).
//
// Each connection is a pair of pipes that keep their order and take their time. It can be cut, held
// up both ways without a word (a blackhole), and comes back by itself as the library would have it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messaging/ports.hpp"
#include "tests/simulation/machine.hpp"

namespace ledgerd::sim {

struct packet {
  std::string subject;
  std::string reply;
  std::string payload;
  std::vector<header> headers;

  // The first value; empty: none.
  std::string_view value_of(std::string_view name) const;
};

class connection;

// One subscription of a client.
struct interest {
  std::uint64_t sid = 0;
  std::string subject;
  std::string group;
  std::deque<packet> arrived;              // read from the wire, not yet handed over
  std::function<void(packet&&)> hand_over; // null: they are fetched
  std::function<void()> completed;         // called when nothing comes any more
  bool ended = false;                      // cancelled by the client
  bool draining = false;                   // likewise; what is on the way still comes
  bool told = false;                       // `completed` was called
};

struct frame {
  enum class kind : std::uint8_t { message, subscribe, unsubscribe, ping, pong };
  kind what = kind::message;
  std::uint64_t number = 0; // of the subscription, or of the ping
  packet message;
  std::string group;
  time_point due;
};

struct client_events {
  std::function<void()> disconnected, reconnected, closed;
};

// The client's end and the server's of one TCP connection, and of those that follow it.
class connection {
public:
  enum class state : std::uint8_t { up, broken, closed };

  owner_id owner = nobody;
  state at = state::up;
  bool comes_back = true;
  time_point again{}; // while broken
  client_events events;
  std::deque<std::function<void()>> calls; // of the library's own thread, in order
  std::deque<frame> out, in;               // to the server, to the client
  std::map<std::uint64_t, std::unique_ptr<interest>> interests;
  std::deque<packet> kept; // published while broken
  std::size_t kept_bytes = 0;
  std::uint64_t last_sid = 0;
  std::uint64_t last_ping = 0, last_pong = 0;
  std::uint64_t breaks = 0;
  bool may_hand_over = false; // something may have come for a subscription that has a handler
};

// What the surroundings do to messages, in percent.
struct message_faults {
  int lose_ack = 0;       // settlements that do not arrive
  int lose_puback = 0;    // stored, but never confirmed
  int late_puback = 0;    // confirmed up to seven seconds later
  int double_puback = 0;  // confirmed twice
  int lose_publish = 0;   // neither stored nor confirmed
  int lose_message = 0;   // of others: between nodes, questions, answers
  int double_message = 0; // likewise
  int late_message = 0;   // likewise, so that others overtake it
};

class network {
public:
  explicit network(machine& on) : on_(on) { present() = this; }
  ~network() { present() = nullptr; }
  network(const network&) = delete;
  network& operator=(const network&) = delete;

  // The one of this process.
  static network*& present();

  message_faults faults;
  std::size_t payload_max = std::size_t{1} << 20; // of the server, for payload and headers
  std::map<std::string, std::uint64_t> seen;      // how often what befell

  // -- the client's side

  // Null: nobody answers there now.
  connection* connect(owner_id owner, bool comes_back, client_events events);
  void close(connection& one);
  interest* subscribe(connection& at, std::string subject, std::string group,
                      std::function<void(packet&&)> hand_over);
  // What has come may still be handed over when it drains.
  void unsubscribe(connection& at, interest& one, bool drain);
  // At once and for good: nobody holds it any more.
  void forget(connection& at, interest& one);
  bool publish(connection& by, packet one);
  // The number that `last_pong` reaches.
  std::uint64_t ping(connection& by);

  // -- the server's side

  // Takes what it wants of what is published; true: it was for it.
  std::function<bool(connection* by, packet& one)> takes;

  // Delivers to whoever listens and can be reached from there; whether anybody does.
  bool route(const packet& one, owner_id from = nobody);
  // The same under a subject of its own: a delivery keeps the subject that it was stored under.
  bool deliver(const std::string& to, packet one);
  bool listens(const std::string& subject) const;

  // Whose connection a message on this subject would reach; nobody: none.
  owner_id listener(const std::string& subject) const;

  // Somebody outside who is always connected.
  void listen(std::string subject, std::function<void(const packet&)> hear);

  // A message from outside, for the server to take.
  void publish_from_outside(packet one);

  // -- what goes wrong

  void cut(owner_id whose);  // its connections break; they come back
  void hold(owner_id whose); // nothing gets through, and nobody says so
  void release(owner_id whose);
  void end(owner_id whose); // the process is gone
  // Nothing that `from` publishes reaches subscriptions of `to`, which each have another server of
  // the cluster; `told`: the server knows, and says that nobody is there.
  void part(owner_id from, owner_id to, bool told) { parted_[{from, to}] = told; }
  void join(owner_id from, owner_id to) { parted_.erase({from, to}); }
  void join_all() { parted_.clear(); }
  void server_down();
  void server_up() { up_ = true; }
  bool is_up() const { return up_; }
  bool is_held(owner_id whose) const { return held_.contains(whose); }
  // When a connection of this owner last had trouble.
  time_point troubled(owner_id whose) const;
  void note_trouble(owner_id whose) { trouble_[whose] = on_.now; }
  // Whether this owner has itself ended a connection then: what was on the wire to it is lost.
  bool has_closed(owner_id whose, time_point from, time_point until) const;

  // What a node has open now.
  std::size_t connections_of(owner_id whose) const;
  std::size_t subscriptions_of(owner_id whose) const;

  // -- steps

  struct step {
    connection* at = nullptr;
    enum class kind : std::uint8_t { to_server, to_client, hand_over, call } what{};
    interest* whose = nullptr;
  };
  void ready(std::vector<step>& into);
  void take(const step& one);
  time_point next_due() const;
  void pass(); // what is due by itself

  // A connection or subscription is there; so much waits in a pipe or for a subscription of his.
  std::function<void(owner_id)> on_open;
  std::function<void(owner_id, std::size_t)> on_waiting;

private:
  struct standing {           // at the server
    connection* of = nullptr; // null: somebody outside
    std::uint64_t sid = 0;
    std::string subject;
    std::string group;
    std::function<void(const packet&)> hear;
  };

  void call(connection& at, std::function<void()> what);
  void send(connection& to, frame one);
  void to_server(connection& from, frame one);
  void arrive(connection& at);
  static void find_hand_overs(connection& at, std::vector<step>& into);
  void serve(connection& at);
  void published(connection* by, packet one);
  void drop_link(connection& one);
  void come_back(connection& one);
  static void finish(interest& one);
  nanoseconds latency();

  machine& on_;
  bool up_ = true;
  std::deque<std::unique_ptr<connection>> connections_;
  std::vector<connection*> open_; // and those that have something to tell yet, in the same order
  std::vector<standing> standing_;
  std::set<owner_id> held_;
  std::map<owner_id, time_point> trouble_;
  std::map<owner_id, std::set<time_point>> closed_; // by the owner
  struct delayed {
    packet what;
    owner_id from = nobody;
  };
  std::multimap<time_point, delayed> delayed_;
  std::map<std::pair<owner_id, owner_id>, bool> parted_;
};

// Whether a subject falls under a pattern with `*` and `>`.
bool falls_under(std::string_view pattern, std::string_view subject);

} // namespace ledgerd::sim
