#include "actors/common/span.hpp"

#include <atomic>
#include <random>

#include "actors/common/log.hpp"
#include "domain/trace_context.hpp"

namespace ledgerd {

namespace {

std::atomic<span_choice> choice{span_choice::off};

// Sixteen digits, never all zero.
std::string random_digits() {
  thread_local std::mt19937_64 random = [] {
    std::random_device entropy;
    std::seed_seq seed{entropy(), entropy(), entropy(), entropy()};
    return std::mt19937_64{seed};
  }();
  constexpr std::string_view digits = "0123456789abcdef";
  auto number = random();
  number += number == 0 ? 1 : 0;
  std::string text;
  for (int i = 0; i < 16; ++i, number >>= 4)
    text += digits[number & 15];
  return text;
}

bool is_traceparent(std::string_view name) noexcept {
  constexpr std::string_view wanted = "traceparent";
  if (name.size() != wanted.size())
    return false;
  for (std::size_t i = 0; i < name.size(); ++i)
    if ((name[i] | 0x20) != wanted[i])
      return false;
  return true;
}

std::int64_t nanoseconds_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

} // namespace

void choose_spans(span_choice which) noexcept {
  choice.store(which, std::memory_order_relaxed);
}

span_choice chosen_spans() noexcept {
  return choice.load(std::memory_order_relaxed);
}

bool wants_span(std::string_view traceparent) noexcept {
  const auto which = chosen_spans();
  if (which == span_choice::off || traceparent.empty())
    return false;
  const auto read = read_traceparent(traceparent);
  return read && (read->sampled || which == span_choice::all);
}

std::string new_trace_id() {
  return random_digits() + random_digits();
}

std::string new_span_id() {
  return random_digits();
}

std::string_view traceparent_of(const std::vector<header>& headers) noexcept {
  for (const auto& each : headers)
    if (is_traceparent(each.name))
      return each.value;
  return {};
}

void log_span(const span_entry& what) {
  const auto parent = read_traceparent(what.traceparent);
  if (!parent)
    return;
  const auto end = nanoseconds_now();
  const auto start = end - std::chrono::nanoseconds(what.took).count();
  const bool consumes = !what.consumer.empty();
  log(log_event::span,
      {{"traceId", parent->trace_id},
       {"spanId", what.span_id},
       {"parentSpanId", parent->span_id},
       {"name", std::string(what.operation) + " " + std::string(what.destination)},
       {"kind", consumes ? "CONSUMER" : "PRODUCER"},
       {"startTimeUnixNano", start},
       {"endTimeUnixNano", end},
       {"messaging.system", "nats"},
       {"messaging.operation.name", what.operation},
       {"messaging.operation.type", consumes ? "process" : "send"},
       {"messaging.destination.name", what.destination},
       {"messaging.consumer.group.name", what.consumer.substr(0, what.consumer.rfind('/'))},
       {"messaging.message.sequence", what.stream_seq},
       {"ledgerd.outcome", what.outcome}},
      "span: {} {} took {} us, trace {}", what.operation, what.destination, what.took.count(),
      parent->trace_id);
}

} // namespace ledgerd
