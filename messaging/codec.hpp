// The wire format: requests in, results and dead letters out. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "domain/currency.hpp"
#include "domain/entry.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

inline constexpr std::size_t payload_bytes_max = 64 * 1024;
inline constexpr std::size_t user_id_bytes_max = 128;
inline constexpr int json_depth_max = 64;

// Why a message is parked; the value of the header Ledgerd-Reason.
enum class dead_reason : std::uint8_t {
  malformed_json,
  too_large,
  invalid_field,
  record_id_conflict,
  attempts_exhausted,
  unknown_record,
  contrary_verdict,
};

std::string_view to_text(dead_reason reason) noexcept; // MALFORMED_JSON, ...

// What is wrong with a message. `detail` is a sentence that names the field and the rule.
struct rejection {
  dead_reason reason = dead_reason::malformed_json;
  std::string detail;
  // The one fault is a currency that the table does not know: it may be new. Look where the table
  // comes from before this is believed.
  bool unknown_currency = false;
};

// What the operator decides about requests.
struct request_rules {
  std::optional<currency_code> default_currency; // of requests that name none; nothing: required
  bool refuse_unknown_fields = false;            // else they are ignored
};

// Reads a request. The whole document is validated, amounts are read from the raw token. The
// movement is told by the last token of `subject`. Never throws on any input.
std::variant<entry, rejection> decode_entry(std::string_view subject, std::string_view payload,
                                            const currency_table& currencies,
                                            const request_rules& rules);

// The result of a stored posting, the same bytes every time. `exponent` is the currency's.
std::string encode_result(const posting& stored, int exponent);

// The record id that stands in a request or a result; nothing when it cannot be read. Whatever
// else is wrong with it is not looked at.
std::optional<record_id> record_in_payload(std::string_view payload);

// result-<recordId>
std::string result_message_id(record_id id);

// The result message for an entry that came with `source`: result payload, its id, and of the
// request's headers those for tracing (traceparent, tracestate) and the account side's mark.
outgoing make_result(std::uint64_t token, const posting& stored, int exponent,
                     const delivery& source);

// The dead letter for a delivery (contract section 4). Takes payload and headers out of `source`,
// which may be large, and leaves the rest. The payload is cut so that payload and headers fit
// `message_bytes_max`, the broker's limit, and of too many headers the last; Ledgerd-Truncated then
// gives the payload's full length.
outgoing make_dead_letter(std::uint64_t token, delivery&& source, const rejection& why,
                          std::string_view node_name, std::size_t message_bytes_max);

// Makes a result or dead letter smaller that was refused for its size: cuts the dead letter's
// payload, drops the result's trace headers. `message_bytes_max` is what would be taken; 0: not
// known. False when nothing is left to cut.
bool shrink_letter(outgoing& letter, std::size_t message_bytes_max);

} // namespace ledgerd
