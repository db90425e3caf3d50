// Finds what the streams hold of one record without reading them: by the time of its row, by what
// its result says of its request, by what nodes say of how far they are, by the order of the record
// ids, and from the newest message backwards within a bound.
//
// Effects only through the shelf. Belongs to one thread, which waits for the broker.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "domain/entry.hpp"
#include "messaging/broker.hpp"

namespace ledgerd {

// The streams as a search sees them. Each function waits and throws std::runtime_error.
struct shelf {
  using visitor = std::function<bool(const stored_message&)>; // false: enough

  std::function<stream_state(std::string_view stream)> state;
  std::function<std::optional<stored_message>(std::string_view stream, std::uint64_t seq)> at;
  // The first message on this subject with this number or a higher one.
  std::function<std::optional<stored_message>(std::string_view stream, std::string_view subject,
                                              std::uint64_t seq)>
      first_on;
  std::function<void(std::string_view stream, std::uint64_t first_seq, const visitor&)> from;
  std::function<void(std::string_view stream, std::int64_t since_ns, const visitor&)> since;
};

// `nats` outlives it.
shelf shelf_of(broker& nats);

struct search_limits {
  bool all = false; // read everything, however long it takes
  // Of what nothing points to: how many of the newest of a stream are read, and for how long,
  // whichever ends first.
  std::uint64_t newest_max = 200'000;
  std::chrono::milliseconds patience{3000};
  // Letters and actions are read from the newest on. So many are looked at even where others tell
  // where they are.
  std::uint64_t letters_least = 1000;
  // Of a search that takes time: the stream, and how many of how many messages.
  std::function<void(std::string_view, std::uint64_t, std::uint64_t)> progress = nullptr;
};

// How far the requests are, as nodes or, without any, the broker say.
struct request_places {
  struct subject_place {
    std::string_view subject;
    std::uint64_t to = 0; // what comes after it waits: no node has got it
  };

  std::vector<std::uint64_t> held;     // requests of the record that nodes hold
  std::vector<subject_place> subjects; // all of the request stream, or none: nobody can tell
};

// What is known of a record before its messages are looked for. All times by a database's clock,
// which may differ from the broker's by minutes.
struct search_clues {
  std::optional<database_time> decided;      // when the transaction began that wrote its row
  std::optional<transaction_id> transaction; // and the row's number
  bool no_row = false;                       // the ledger has answered: it has none
  std::optional<database_time> recorded;     // when the account side made its record
  std::optional<database_time> settled;      // and when that got its verdict
  // Asked at most once, and only where the answer leads on. Waits. May be null.
  std::function<request_places()> places = nullptr;
};

// How much of a stream was looked at.
struct stream_reach {
  std::string_view stream;
  bool exists = false;
  bool all = false;            // everything that it holds
  bool waiting = false;        // of the requests: all that no node had got
  std::uint64_t held = 0;      // messages in it
  std::uint64_t read = 0;      // messages that were looked at
  std::int64_t back_to_ns = 0; // when the oldest of them was stored; 0: none was
  std::uint64_t left_out = 0;  // messages that were found and not kept: too many, or too large
  std::int64_t made_at_ns = 0; // when it was made, by the broker's clock; 0: not known
};

// In order of their sequence numbers.
struct found_messages {
  std::vector<stored_message> requests;
  std::vector<stored_message> results;
  std::vector<stored_message> dead_letters;
  std::vector<stored_message> actions;
  std::vector<std::uint64_t> letters_left; // there, though an entry says that they are discarded
  std::vector<stream_reach> looked;        // requests, results, dead letters, actions
};

found_messages find_messages(const shelf& from, record_id id, const search_clues& clues,
                             const search_limits& limits);

// Whether a dead letter, or an entry of one, tells of this message of its stream. Numbers begin
// anew when a stream is made anew. `made_at_ns`: when the message's was; 0: not known.
bool tells_of(const stored_message& note, const stored_message& message, std::int64_t made_at_ns);

// Whether an entry tells of this dead letter, likewise.
bool is_entry_of(const stored_message& entry, const stored_message& letter);

// The recordId of a payload that is a JSON object with a valid one; nothing for all else.
std::optional<record_id> named_record(std::string_view payload);

// The value of a header, or an empty text.
std::string_view header_text(const stored_message& message, std::string_view name);

// The number that a header is; 0 when there is none or it is no number.
std::uint64_t header_number(const stored_message& message, std::string_view name);

} // namespace ledgerd
