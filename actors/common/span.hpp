// SPANS: what a node did for a message of a traced request, as lines of the log in OpenTelemetry's
// words, so that a collector can put them into the trace. For the process; any thread. Costs a look
// at one number where spans are off, and at the headers where a message has none.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messaging/ports.hpp"

namespace ledgerd {

enum class span_choice : std::uint8_t {
  off,
  sampled, // of traces whose traceparent says that they are recorded
  all,     // of every trace
};

// Once, before there are actors.
void choose_spans(span_choice which) noexcept;
span_choice chosen_spans() noexcept;

// Whether spans of a trace with this traceparent are logged.
bool wants_span(std::string_view traceparent) noexcept;

// 32 and 16 hexadecimal digits of chance.
std::string new_trace_id();
std::string new_span_id();

// The header traceparent of a message, or an empty text.
std::string_view traceparent_of(const std::vector<header>& headers) noexcept;

struct span_entry {
  std::string_view operation; // publish, process
  std::string_view destination;
  std::string_view traceparent; // of the span that it belongs under
  std::string span_id = new_span_id();
  std::string_view consumer = {}; // where it was read
  std::string_view outcome = {};
  std::uint64_t stream_seq = 0; // of the message; 0: not known
  std::chrono::microseconds took{0};
};

// Ends now.
void log_span(const span_entry& what);

// The span of a delivery that is dealt with, when its trace wants one.
inline void log_process_span(const delivery& source, std::string_view consumer,
                             std::string_view outcome,
                             std::chrono::steady_clock::duration since_arrival) {
  if (source.headers.empty() || chosen_spans() == span_choice::off)
    return;
  const auto parent = traceparent_of(source.headers);
  if (wants_span(parent))
    log_span({.operation = "process",
              .destination = source.subject,
              .traceparent = parent,
              .consumer = consumer,
              .outcome = outcome,
              .stream_seq = source.stream_seq,
              .took = std::chrono::duration_cast<std::chrono::microseconds>(since_arrival)});
}

} // namespace ledgerd
