// The supervised connection to NATS and everything that is made from it.
//
// A broker outlives its sources, publishers and readers. All functions may be called from any
// thread; those that wait say so.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "domain/boot_id.hpp"
#include "messaging/cluster_ports.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

struct broker_options {
  std::string url =
      "nats://127.0.0.1:4222"; // one or several, comma-separated; may hold user:password or a token
  std::string credentials_file; // empty: none; read again for each connection
  // Gives `url` anew for each new connection: secrets may have been rotated. Empty: it stays as it
  // is. Called on several threads; when it throws, the last one is used.
  std::function<std::string()> read_url = nullptr;
  // With tls:// in `url` the server has to show a certificate for the name in the URL, signed by an
  // authority of this machine or of `ca_file`. `certificate_file` and `key_file` are what this
  // client shows; empty: nothing. All are read again for each connection.
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  // Where JetStream is asked: in this domain, or under this prefix, without a dot at its end. At
  // most one of the two; none: under $JS.API.
  std::string js_domain;
  std::string js_api_prefix;
  std::string client_name = "ledgerd";
  // Where answers may go beside `_INBOX.`: the beginning of the inboxes of clients that have one of
  // their own; empty: nowhere else.
  std::string reply_prefix;
  // Whether this client may publish to `_INBOX.>`, as whoever answers questions may. Only then can
  // it find out whether all its connections reach one NATS system; else it believes it.
  bool may_answer = false;
  // Send each publication at once; otherwise within about a millisecond, together.
  bool immediate = false;
  std::chrono::milliseconds connect_timeout{3000};
  std::chrono::milliseconds write_deadline{3000};
  std::chrono::milliseconds ping_interval{5000};
};

enum class link_event { connected, disconnected, reconnected, rebuilt, slow_consumer, error };

// Called from a foreign thread; must not block.
using link_observer = std::function<void(link_event, const std::string& detail)>;

// What the broker says of a stream. `exists` is false when there is none.
struct stream_state {
  bool exists = false;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::int64_t created_at_ns = 0; // by the broker's clock, since 1970
  bool limited = false; // it drops old messages by itself: has a limit of age, number or size
  std::size_t settings_digest = 0; // changes with the stream's configuration
  bool on_old_server = false;      // before 2.10: asking for a consumer's state costs it dearly
  // The limits at which it refuses what is published; 0: none.
  std::uint64_t messages_max = 0;
  std::uint64_t bytes_max = 0;
  std::string leader; // the server that leads it and has said this; empty: it gives no name
  std::int64_t led_since_ns = 0; // by its clock, since 1970; 0: it does not say (before 2.12)
  // The servers whose copy of it is away or behind, as its leader sees it just now; "no server" for
  // each copy that none keeps. One that is a moment behind is no fault.
  std::vector<std::string> weak_copies;
};

// What the broker says of a durable consumer.
struct consumer_state {
  bool exists = false;
  std::uint64_t pending = 0;     // not handed out yet
  std::uint64_t ack_pending = 0; // handed out, not settled
  std::uint64_t redelivered = 0;
  std::uint64_t ack_floor = 0; // stream sequence up to which all is settled
  std::uint64_t delivered = 0; // last stream sequence handed out
  std::chrono::milliseconds ack_wait{0};
  std::uint64_t max_deliver = 0;  // how often a message is handed out at most; 0: without limit
  std::int64_t created_at_ns = 0; // by the broker's clock, since 1970
  std::string leader;             // the server that leads it; empty: it gives no name
};

// A stored message, for audit, trace and tests.
struct stored_message {
  std::uint64_t seq = 0;
  std::int64_t stored_at_ns = 0; // by the broker's clock, since 1970
  std::string subject;
  std::string payload;
  std::vector<header> headers; // all of them
};

struct provisioning {
  bool ledger = true;   // the ledger role's consumers
  bool account = false; // the account role's consumer
  bool create = true;   // false: only check
  // Make what is missing also when something that is there is refused.
  bool despite_faults = false;
  // Ask also what may cost: a nats-server before 2.10 may be slow for a while once it is asked for
  // a consumer's settings (docs/decisions/0010-questions.md). Without, its consumers are only
  // missed.
  bool may_cost = true;
  std::chrono::milliseconds ack_wait{30000}; // for the consumers that are created
  std::chrono::milliseconds shutdown_deadline{
      10000}; // an existing, shorter acknowledgement wait is a fault
  std::int64_t ack_pending_max = 100000;
  std::chrono::milliseconds duplicate_window{600000}; // of the result and dead-letter streams
  int replicas = 1;                                   // of the streams that are created
  // Only a shadow's own consumers (messaging/shadow_topology.hpp): streams are never created.
  bool shadow = false;
  std::uint64_t shadow_from = 1; // the first request that it decides
  // Its ledger (`ledger_identity`), with which its consumers are marked: those of another one are
  // refused. 0: not known, and no mark counts.
  std::uint64_t shadow_database = 0;
};

// The broker answers and lets us not in: a wrong password, an unknown user. Trying again does not
// help until somebody changes something.
class broker_refused : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

// A stream or a durable consumer exists, and no server answers for it: it has no leader just now,
// or the only server that keeps it is away. What else the broker has may be as well as ever.
class part_silent : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

// What `broker::provision` has found and done, one sentence each.
struct provision_report {
  std::vector<std::string> refused; // missing, or a setting that would lose, skip or stop messages
  std::vector<std::string> warned;  // settings that somebody should know of
  std::vector<std::string> made;    // what was missing and has been created
  std::vector<std::string> silent;  // what no server answers for: not judged
  bool complete = true;             // false: not all consumers' settings could be looked at

  bool empty() const noexcept { return refused.empty(); } // nothing is wrong
};

class broker {
public:
  virtual ~broker() = default;

  // One attempt, at most `connect_timeout`. Throws broker_refused, or std::runtime_error when it is
  // away, with the reason. From then on
  // the connection is kept up for ever: reconnects with jitter, and is rebuilt when the library
  // gives up.
  static std::unique_ptr<broker> connect(const broker_options& options, link_observer observe);

  virtual bool connected() const = 0;

  // Why nothing is pulled, published or settled although it is connected: its connections reach two
  // NATS systems, or may. Empty: they reach one, or it is too early to tell.
  virtual std::string parting() const { return {}; }

  // A sign of life of the broker on each connection: a socket may be open though nothing gets
  // through. Waits at most so long for each; throws std::runtime_error.
  virtual void round_trip(std::chrono::milliseconds at_most) = 0;

  // For the shutdown: `read`, now or later, ends within one wait for the network and throws.
  virtual void cancel_reading() = 0;

  // The server's limit for payload and headers of one message, in bytes.
  virtual std::size_t message_bytes_max() const = 0;

  // Creates what is missing of the three streams and the consumers of the roles, changes
  // nothing that is there, and judges every setting of what is there and not silent. Waits.
  // Throws std::runtime_error when the broker cannot be asked.
  virtual provision_report provision(const provisioning& how) = 0;

  // Wait for the broker's answer; throw part_silent when there is none for this stream or consumer
  // alone, and std::runtime_error when the broker does not answer at all.
  virtual stream_state stream(std::string_view name) = 0;
  virtual consumer_state consumer(std::string_view stream, std::string_view durable) = 0;

  // The names of a stream's consumers; none when there is no such stream. Unlike `consumer`, this
  // costs the broker nothing: nats-server 2.9 answers a question for one consumer's state with a
  // scan of what it has not delivered, and may go on scanning at each delivery
  // (docs/decisions/0010-questions.md). Waits, throws likewise.
  virtual std::vector<std::string> consumer_names(std::string_view stream) = 0;

  // The actors' ports. `request_max` is the largest batch asked for in one pull request.
  virtual std::unique_ptr<delivery_source>
  make_source(std::string_view stream, std::string_view durable, std::size_t request_max) = 0;
  virtual std::unique_ptr<publisher> make_publisher() = 0;

  // Answers `subjects` in the queue group `ledgerd`, and only to inboxes.
  virtual std::unique_ptr<question_desk> make_desk(std::vector<std::string> subjects) = 0;
  virtual std::unique_ptr<inquirer> make_inquirer() = 0;

  // The way to the node of this life, and the desk where what peers send to it comes in: frames in
  // order of arrival.
  virtual std::unique_ptr<peer_line> make_peer_line(boot_id peer) = 0;
  virtual std::unique_ptr<question_desk> make_entries_desk(boot_id self) = 0;

  // The way to all nodes at once, for questions about the cluster.
  virtual std::unique_ptr<peer_line> make_ask_line() = 0;

  // What nodes say to all others, and the desk where every node answers such questions.
  virtual std::unique_ptr<word_line> make_word_line() = 0;
  virtual std::unique_ptr<question_desk> make_cluster_desk() = 0;

  // Reads a stream from `first_seq` to its present end through an ephemeral consumer, in order;
  // `visit` returns false to stop. Only messages on `subject_filter` when it is not empty. Waits.
  // Throws std::runtime_error.
  virtual void read(std::string_view stream, std::string_view subject_filter,
                    std::uint64_t first_seq,
                    const std::function<bool(const stored_message&)>& visit) = 0;

  // The same from the first message on that was stored at this time, by the broker's clock since
  // 1970, or later: the broker finds it without reading what comes before.
  virtual void read_since(std::string_view stream, std::int64_t since_ns,
                          const std::function<bool(const stored_message&)>& visit) = 0;

  // The message with this sequence number, if the stream still holds it. Waits. Throws
  // std::runtime_error.
  virtual std::optional<stored_message> message(std::string_view stream, std::uint64_t seq) = 0;

  // The last message on this subject. Waits. Throws std::runtime_error.
  virtual std::optional<stored_message> last_message(std::string_view stream,
                                                     std::string_view subject) = 0;

  // Publishes all with their message ids, at most `window` unconfirmed at a time, and waits for the
  // PubAcks; `progress` gets the number confirmed so far. Unconfirmed ones are published again.
  // A message without a subject means that there is nothing at this moment: `next` is asked again
  // soon. Throws std::runtime_error when there is no progress for `patience`. For `submit`, `bench`
  // and tests; not for actors.
  virtual void publish_all(const std::function<std::optional<outgoing>()>& next, std::size_t window,
                           const std::function<void(std::uint64_t)>& progress,
                           std::chrono::milliseconds patience) = 0;

  // Deletes one message, for good. Waits. Throws std::runtime_error, also when there is no such
  // message.
  virtual void delete_message(std::string_view stream, std::uint64_t seq) = 0;

  // For tests and benchmarks on private servers: deletes a stream if it exists.
  virtual void delete_stream(std::string_view name) = 0;
};

} // namespace ledgerd
