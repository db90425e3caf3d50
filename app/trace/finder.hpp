// Finds what the streams hold of one record without reading them: by the time of its row, by what
// its result says of its request, by the order of the record ids, and from the newest message
// backwards within a bound.
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
  std::function<void(std::string_view stream, std::uint64_t first_seq, const visitor&)> from;
  std::function<void(std::string_view stream, std::int64_t since_ns, const visitor&)> since;
};

// `nats` outlives it.
shelf shelf_of(broker& nats);

struct search_limits {
  bool all = false; // read everything, however long it takes
  // Of requests and letters that nothing points to: how many of the newest are read, and for how
  // long, whichever ends first.
  std::uint64_t newest_max = 200'000;
  std::chrono::milliseconds patience{3000};
  // Letters and actions are read from the newest on. So many are looked at even where the row
  // tells the rest.
  std::uint64_t letters_least = 5000;
  // Of a search that reads everything: the stream, and how many of how many messages.
  std::function<void(std::string_view, std::uint64_t, std::uint64_t)> progress = nullptr;
};

// How much of a stream was looked at.
struct stream_reach {
  std::string_view stream;
  bool exists = false;
  bool all = false;            // everything that it holds
  std::uint64_t held = 0;      // messages in it
  std::uint64_t read = 0;      // messages that were looked at
  std::int64_t back_to_ns = 0; // when the oldest of them was stored; 0: none was
};

// In order of their sequence numbers.
struct found_messages {
  std::vector<stored_message> requests;
  std::vector<stored_message> results;
  std::vector<stored_message> dead_letters;
  std::vector<stored_message> actions;
  std::vector<stream_reach> looked; // requests, results, dead letters, actions
};

// `decided`: when its row was written, by the database's clock, which may differ from the broker's
// by minutes. Without a row, or while nobody can ask for it: nothing.
found_messages find_messages(const shelf& from, record_id id,
                             const std::optional<database_time>& decided,
                             const search_limits& limits);

// The recordId of a payload that is a JSON object with a valid one; nothing for all else.
std::optional<record_id> named_record(std::string_view payload);

// The value of a header, or an empty text.
std::string_view header_text(const stored_message& message, std::string_view name);

} // namespace ledgerd
