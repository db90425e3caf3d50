// The W3C trace context of a message: the header traceparent. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ledgerd {

// What stands in `version-trace id-parent id-flags`; views into the header.
struct trace_parent {
  std::string_view trace_id; // 32 lower-case hexadecimal digits, not all zero
  std::string_view span_id;  // 16 likewise: the span from which the message comes
  bool sampled = false;      // whoever began the trace wants its spans recorded
};

// Reads a traceparent of version 00, or the same part of a later one; nothing for all else, which
// the recommendation wants ignored.
std::optional<trace_parent> read_traceparent(std::string_view header) noexcept;

// A traceparent of version 00.
std::string write_traceparent(std::string_view trace_id, std::string_view span_id, bool sampled);

} // namespace ledgerd
