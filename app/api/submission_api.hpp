// What the account side offers to callers, over HTTP and over NATS alike: JSON in, JSON out
// (contract section 6).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/entry.hpp"
#include "messaging/codec.hpp"

namespace ledgerd {

inline constexpr std::chrono::seconds prefer_wait_max{30};

struct api_answer {
  int status = 200;
  std::string code; // the stable word of a problem; empty when status is below 400
  std::string body; // JSON; the problem document when status is 400 or more
  std::vector<std::pair<std::string, std::string>> headers; // such as Location, Retry-After
};

// The W3C trace context of a call; both empty: it has none.
struct call_trace {
  std::string parent; // the header traceparent
  std::string state;  // the header tracestate
};

// The context of a call with these values of its headers: its own when the first is valid, a new
// one when spans of every trace are logged, else none.
call_trace read_call_trace(const std::vector<std::string_view>& parents,
                           const std::vector<std::string_view>& states);

// A request as a door took it. The views need live no longer than the call.
struct submit_call {
  std::string_view body;
  std::string_view idempotency_key; // as `read_idempotency_key` gives it; empty: none
  // Holds the answer until the verdict is there or so much time has passed since the arrival.
  std::chrono::milliseconds wait{0};
  std::chrono::steady_clock::time_point arrived = std::chrono::steady_clock::now();
  call_trace trace = {};
};

// Called exactly once, from any thread.
using api_callback = std::function<void(api_answer)>;

// No function blocks. All may be called from any thread.
class submission_api {
public:
  virtual ~submission_api() = default;

  virtual void submit(const submit_call& call, api_callback done) = 0;

  virtual void record(record_id id, api_callback done) = 0;

  virtual void account(std::string_view user_id, api_callback done) = 0;

  // Empty texts stand for what the caller left out.
  virtual void history(std::string_view user_id, std::string_view currency, std::string_view limit,
                       std::string_view before, api_callback done) = 0;
};

// How long a call with these values of the header Prefer wants to wait for the verdict (RFC 7240),
// at most prefer_wait_max; nothing when it has no such preference, or none that can be read.
std::optional<std::chrono::seconds> preferred_wait(const std::vector<std::string_view>& values);

// A problem as an answer; and what a call is answered that breaks a rule of the wire format.
api_answer api_problem(int status, std::string_view code, std::string_view detail);
api_answer api_refusal(const rejection& why);

} // namespace ledgerd
