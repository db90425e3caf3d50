// Results out.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "messaging/codec.hpp"
#include "messaging/header_text.hpp"
#include "messaging/json_reader.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

// What a trace header may hold; the W3C recommendation asks for 512 characters at least. A result
// must stay small whatever its request carried.
constexpr std::size_t trace_header_bytes_max = 1024;

constexpr std::string_view trace_headers[] = {"traceparent", "tracestate"};

void append_number(std::string& out, std::int64_t number) {
  char digits[20]; // a sign and the 19 digits of a 64-bit number
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// `number` with leading zeros. Precondition: it is not negative.
void append_padded(std::string& out, std::int64_t number, std::size_t width) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  const auto size = static_cast<std::size_t>(end - digits);
  out.append(width - std::min(width, size), '0').append(digits, size);
}

// RFC 3339 in UTC with microseconds. A year outside 0000 to 9999, which RFC 3339 cannot say, gets a
// sign and six digits as in ISO 8601.
void append_time(std::string& out, database_time when) {
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds{to_int(when)}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  const auto year = int{date.year()};
  if (year < 0 || year > 9999)
    append_padded(out.append(year < 0 ? "-" : "+"), std::abs(year), 6);
  else
    append_padded(out, year, 4);
  append_padded(out.append("-"), unsigned{date.month()}, 2);
  append_padded(out.append("-"), unsigned{date.day()}, 2);
  append_padded(out.append("T"), clock.hours().count(), 2);
  append_padded(out.append(":"), clock.minutes().count(), 2);
  append_padded(out.append(":"), clock.seconds().count(), 2);
  append_padded(out.append("."), clock.subseconds().count(), 6);
  out.append("Z");
}

} // namespace

// None of the words and numbers between the quotes can hold a character that JSON would escape, but
// for the user.
std::string encode_result(const posting& stored, int exponent) {
  std::string out;
  out.reserve(320 + stored.account.user_id.size());
  append_number(out.append("{\"recordId\":"), to_int(stored.record));
  append_number(out.append(",\"transactionId\":"), to_int(stored.id));
  append_json_string(out.append(",\"userId\":"), stored.account.user_id);
  out.append(",\"type\":\"").append(to_text(stored.type));
  out.append("\",\"status\":\"").append(status_text(stored.verdict));
  out.append("\",\"amount\":\"").append(format_amount(stored.amount, exponent));
  out.append("\",\"currency\":\"").append(stored.account.currency.text());
  out.append("\",\"balanceAfter\":\"").append(format_amount(stored.balance_after, exponent));
  if (const auto reason = reason_text(stored.verdict); !reason.empty())
    out.append("\",\"reason\":\"").append(reason);
  append_time(out.append("\",\"processedAt\":\""), stored.created_at);
  out.append("\"}");
  return out;
}

std::string_view result_subject(movement type) noexcept {
  return type == movement::deposit ? names::deposit_result_subject
                                   : names::withdrawal_result_subject;
}

std::string result_message_id(record_id id) {
  return "result-" + std::to_string(to_int(id));
}

outgoing make_result(std::uint64_t token, const posting& stored, int exponent,
                     const delivery& source) {
  outgoing result{.token = token,
                  .subject = std::string(result_subject(stored.type)),
                  .message_id = result_message_id(stored.record),
                  .payload = encode_result(stored, exponent)};
  for (const auto wanted : trace_headers) {
    const auto found = std::find_if(source.headers.begin(), source.headers.end(),
                                    [&](const header& h) { return same_name(h.name, wanted); });
    if (found != source.headers.end() && found->value.size() <= trace_header_bytes_max)
      result.headers.push_back({std::string(wanted), one_line(found->value)});
  }
  return result;
}

} // namespace ledgerd
