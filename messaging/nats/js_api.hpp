// Questions to JetStream's own subjects. Private to this room; any thread; all wait.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messaging/nats/connection.hpp"

namespace ledgerd {

// `json` is the answer; with an error, `error` is its sentence and `code` its number.
struct jetstream_answer {
  std::string json;
  std::string error;
  int code = 0;
};

// Numbers of the errors we tell apart.
inline constexpr int api_stream_not_found = 10059;
inline constexpr int api_stream_name_in_use = 10058;
inline constexpr int api_consumer_not_found = 10014;
inline constexpr int api_message_not_found = 10037;
inline constexpr int api_consumer_name_in_use = 10013;
inline constexpr int api_consumer_already_exists = 10105;

// What every question begins with: `$JS.API.`, `$JS.<domain>.API.` or a prefix of its own.
std::string api_prefix_of(const broker_options& broker);

// The subject of a question such as STREAM.INFO.<stream>: the only place that makes one.
std::string api_subject(const session& through, std::string_view what);

// Asks. Throws std::runtime_error when nobody answers.
jetstream_answer ask_jetstream(session& through, const std::string& what, const std::string& body);

// A stream or consumer name that can stand in a subject. Throws std::runtime_error.
std::string checked_name(std::string_view name);

// When the stream was made, from an answer to STREAM.INFO: nanoseconds since 1970, 0 when there is
// no such stream, nothing when the answer does not say.
std::optional<std::int64_t> parse_creation_time(std::string_view json);

stream_state ask_stream(session& through, std::string_view name);
consumer_state ask_consumer(session& through, std::string_view stream, std::string_view durable);
std::vector<std::string> ask_consumer_names(session& through, std::string_view stream);

// Nothing when the stream does not hold it.
std::optional<stored_message> ask_message(session& through, std::string_view stream,
                                          std::uint64_t seq);

} // namespace ledgerd
