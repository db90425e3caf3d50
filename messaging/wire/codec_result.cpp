// Results out.
#include <algorithm>
#include <charconv>

#include "messaging/codec.hpp"
#include "messaging/topology.hpp"
#include "messaging/wire/codec_text.hpp"
#include "messaging/wire/header_text.hpp"
#include "messaging/wire/json_reader.hpp"

namespace ledgerd {

namespace {

// What a trace header may hold; the W3C recommendation asks for 512 characters at least. A result
// must stay small whatever its request carried.
constexpr std::size_t trace_header_bytes_max = 1024;

// What a result takes over from its request.
constexpr std::string_view kept_headers[] = {"traceparent", "tracestate", names::account_mark};

} // namespace

// None of the words and numbers between the quotes can hold a character that JSON would escape, but
// for the user.
std::string encode_result(const posting& stored, int exponent) {
  std::string out;
  out.reserve(320 + stored.account.user_id.size());
  wire::append_number(out.append("{\"recordId\":"), to_int(stored.record));
  wire::append_number(out.append(",\"transactionId\":"), to_int(stored.id));
  append_json_string(out.append(",\"userId\":"), stored.account.user_id);
  out.append(",\"type\":\"").append(to_text(stored.type));
  out.append("\",\"status\":\"").append(status_text(stored.verdict));
  out.append("\",\"amount\":\"").append(format_amount(stored.amount, exponent));
  out.append("\",\"currency\":\"").append(stored.account.currency.text());
  out.append("\",\"balanceAfter\":\"").append(format_amount(stored.balance_after, exponent));
  if (const auto reason = reason_text(stored.verdict); !reason.empty())
    out.append("\",\"reason\":\"").append(reason);
  wire::append_time(out.append("\",\"processedAt\":\""), stored.created_at);
  out.append("\"}");
  return out;
}

std::optional<record_id> record_in_payload(std::string_view payload) {
  std::optional<record_id> result;
  const auto take_id = [&result](const json_member& member) {
    std::int64_t number = 0;
    const auto* end = member.text.data() + member.text.size();
    if (member.name == "recordId" && member.kind == json_kind::number
        && std::from_chars(member.text.data(), end, number) == std::from_chars_result{end, {}})
      result = record_id{number};
  };
  return read_json_object(payload, json_depth_max, take_id) ? std::nullopt : result;
}

std::string result_message_id(record_id id) {
  return "result-" + std::to_string(to_int(id));
}

outgoing make_result(std::uint64_t token, const posting& stored, int exponent,
                     const delivery& source) {
  outgoing result{.token = token,
                  .subject = std::string(route_of(stored.type).result),
                  .message_id = result_message_id(stored.record),
                  .payload = encode_result(stored, exponent),
                  .headers = {},
                  .stream = names::result_stream};
  for (const auto wanted : kept_headers) {
    const auto found = std::find_if(source.headers.begin(), source.headers.end(),
                                    [&](const header& h) { return same_name(h.name, wanted); });
    if (found != source.headers.end() && found->value.size() <= trace_header_bytes_max)
      result.headers.push_back({std::string(wanted), without_breaks(found->value)});
  }
  return result;
}

} // namespace ledgerd
