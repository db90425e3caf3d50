// Questions to JetStream's own subjects. Private to this room; any thread; all wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "messaging/nats/connection.hpp"
#include "messaging/nats/js_answers.hpp"

namespace ledgerd {

// `json` is the answer; with an error, `error` is its sentence and `code` its number.
struct jetstream_answer {
  std::string json;
  std::string error;
  int code = 0;
};

// What every question begins with: `$JS.API.`, `$JS.<domain>.API.` or a prefix of its own.
std::string api_prefix_of(const broker_options& broker);

// The subject of a question such as STREAM.INFO.<stream>: the only place that makes one.
std::string api_subject(const session& through, std::string_view what);

class no_answer : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

// Asks. Throws no_answer when nobody answers in time.
jetstream_answer ask_jetstream(session& through, const std::string& what, const std::string& body,
                               std::chrono::milliseconds at_most = std::chrono::seconds(5));

// A stream or consumer name that can stand in a subject. Throws std::runtime_error.
std::string checked_name(std::string_view name);

// STREAM.INFO and CONSUMER.INFO. Throw part_silent when it exists and nobody answers for it, or
// only who does not lead it; no_answer when that is not known either.
jetstream_answer ask_stream_info(session& through, std::string_view name);
jetstream_answer ask_consumer_info(session& through, std::string_view stream,
                                   std::string_view durable);

stream_state ask_stream(session& through, std::string_view name);
consumer_state ask_consumer(session& through, std::string_view stream, std::string_view durable);

// Nothing: there is no such stream.
std::optional<std::vector<std::string>>
ask_consumer_names(session& through, std::string_view stream,
                   std::chrono::milliseconds at_most = std::chrono::seconds(5));

// Nothing when the stream does not hold it.
std::optional<stored_message> ask_message(session& through, std::string_view stream,
                                          std::uint64_t seq);
std::optional<stored_message> ask_last_message(session& through, std::string_view stream,
                                               std::string_view subject);

} // namespace ledgerd
