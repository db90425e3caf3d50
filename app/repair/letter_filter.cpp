#include "app/repair/letter_filter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "app/base/text.hpp"
#include "messaging/codec.hpp"

namespace ledgerd {

namespace {

constexpr auto conditions = std::to_array<filter_name>({
    {"reason",
     "MALFORMED_JSON|TOO_LARGE|INVALID_FIELD|RECORD_ID_CONFLICT|ATTEMPTS_EXHAUSTED|"
     "UNKNOWN_RECORD|CONTRARY_VERDICT",
     "Only letters with this reason"},
    {"cause", "ID", "Only letters of this cause, as `dead groups` names it"},
    {"user", "USER", "Only requests of this user"},
    {"currency", "CODE", "Only requests in this currency"},
    {"record", "RECORD_ID", "Only requests with this record id"},
    {"subject", "SUBJECT", "Only what came on this subject; its last token will do"},
    {"text", "TEXT", "Only letters with this text in detail, headers or payload"},
    {"since", "TIME", "Only letters from then on: 2026-11-24T07:32:46Z, 2026-11-24, or 30m ago"},
    {"until", "TIME", "Only letters before then, likewise"},
    {"replayed", "yes|no", "Only letters that were replayed, or that were not"},
});

constexpr std::int64_t ns_per_s = 1'000'000'000;

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) { return lower(c); });
  return result;
}

// `wanted` is in lower case.
bool holds(std::string_view text, std::string_view wanted) noexcept {
  return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(),
                     [](char x, char y) { return lower(x) == y; })
         != text.end();
}

// Takes so many digits from the front; -1: they do not stand there.
int take_number(std::string_view& rest, std::size_t digits) noexcept {
  int value = -1;
  if (rest.size() < digits
      || !std::all_of(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(digits),
                      [](char c) { return c >= '0' && c <= '9'; }))
    return -1;
  std::from_chars(rest.data(), rest.data() + digits, value);
  rest.remove_prefix(digits);
  return value;
}

bool take(std::string_view& rest, char wanted) noexcept {
  if (!rest.starts_with(wanted))
    return false;
  rest.remove_prefix(1);
  return true;
}

// The fraction of a second behind the point, in nanoseconds; -1: there is none.
std::int64_t take_fraction(std::string_view& rest) noexcept {
  std::int64_t result = 0;
  std::size_t digits = 0;
  while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
    if (++digits <= 9)
      result = result * 10 + (rest.front() - '0');
    rest.remove_prefix(1);
  }
  for (auto i = digits; i < 9; ++i)
    result *= 10;
  return digits == 0 ? -1 : result;
}

// The time of the day behind the date, with its offset; nothing when it is none.
std::optional<std::int64_t> take_clock(std::string_view rest) noexcept {
  const auto hour = take_number(rest, 2);
  if (hour < 0 || hour > 23 || !take(rest, ':'))
    return std::nullopt;
  const auto minute = take_number(rest, 2);
  const auto second = take(rest, ':') ? take_number(rest, 2) : 0;
  const auto fraction = take(rest, '.') ? take_fraction(rest) : 0;
  if (minute < 0 || minute > 59 || second < 0 || second > 60 || fraction < 0)
    return std::nullopt;
  std::int64_t offset = 0;
  if (!take(rest, 'Z')) {
    const std::int64_t sign = take(rest, '-') ? -1 : take(rest, '+') ? 1 : 0;
    const auto hours = take_number(rest, 2);
    const auto minutes = take(rest, ':') ? take_number(rest, 2) : -1;
    if (sign == 0 || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
      return std::nullopt;
    offset = sign * (hours * 60 + minutes) * 60;
  }
  if (!rest.empty())
    return std::nullopt;
  return ((hour * 60 + minute) * 60 + second - offset) * ns_per_s + fraction;
}

bool is_reason(std::string_view text) {
  for (auto code = 0; code <= static_cast<int>(dead_reason::contrary_verdict); ++code)
    if (text == to_text(static_cast<dead_reason>(code)))
      return true;
  return false;
}

bool is_cause(std::string_view text) noexcept {
  return text.size() == 8 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

} // namespace

std::span<const filter_name> filter_names() {
  return conditions;
}

std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_ns) {
  if (const auto ago = parse_duration(text))
    return now_ns - std::chrono::nanoseconds(*ago).count();
  const auto year = take_number(text, 4);
  const auto month = take(text, '-') ? take_number(text, 2) : -1;
  const auto day = take(text, '-') ? take_number(text, 2) : -1;
  // What nanoseconds since 1970 can say.
  if (year < 1970 || year > 2261 || month < 0 || day < 0)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok())
    return std::nullopt;
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const auto begin = days * 24 * 60 * 60 * ns_per_s;
  if (text.empty())
    return begin;
  if (!take(text, 'T'))
    return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock)
    return std::nullopt;
  return begin + *clock;
}

std::optional<std::string> letter_filter::set(std::string_view name, std::string_view value,
                                              std::int64_t now_ns) {
  const auto moment = [&](std::int64_t& place) -> std::optional<std::string> {
    const auto at = parse_moment(value, now_ns);
    if (!at)
      return "must be a time such as 2026-11-24T07:32:46Z or 2026-11-24, or a duration such as "
             "30m, not `"
             + shorten(value) + "`";
    place = *at;
    // The other one has been judged before.
    return since_ns_ >= until_ns_ ? std::optional<std::string>{"leaves no time: `since` must be "
                                                               "before `until`"}
                                  : std::nullopt;
  };
  std::optional<std::string> fault;
  if (value.empty())
    fault = "must not be empty";
  else if (std::any_of(set_.begin(), set_.end(),
                       [&](const auto& each) { return each.first == name; }))
    fault = "must not be given twice";
  else if (name == "reason" && !is_reason(reason_ = value))
    fault =
        "must be a reason of a dead letter, such as INVALID_FIELD, not `" + shorten(value) + "`";
  else if (name == "cause" && !is_cause(cause_ = value))
    fault = "must be eight hexadecimal digits, as the groups name their cause, not `"
            + shorten(value) + "`";
  else if (name == "user")
    user_ = value;
  else if (name == "currency")
    currency_ = value;
  else if (name == "subject")
    subject_ = value;
  else if (name == "text")
    text_ = lower(value);
  else if (name == "since")
    fault = moment(since_ns_);
  else if (name == "until")
    fault = moment(until_ns_);
  else if (name == "replayed" && value != "yes" && value != "no")
    fault = "must be yes or no, not `" + shorten(value) + "`";
  else if (name == "replayed")
    replayed_ = value == "yes";
  else if (name == "record") {
    if (const auto number = parse_integer(value, 1, INT64_MAX))
      record_ = record_id{*number};
    else
      fault = "must be an integer from 1 to 9223372036854775807, not `" + shorten(value) + "`";
  } else if (name != "reason" && name != "cause")
    fault = "is not known";
  if (!fault)
    set_.emplace_back(name, value);
  return fault;
}

bool letter_filter::matches_headers(const dead_letter& letter) const {
  const auto at = letter.message.stored_at_ns;
  return at >= since_ns_ && at < until_ns_ && (reason_.empty() || letter.reason == reason_)
         && (cause_.empty() || letter.cause == cause_)
         && (subject_.empty() || letter.subject == subject_
             || letter.subject.substr(letter.subject.rfind('.') + 1) == subject_);
}

bool letter_filter::has_text(const stored_message& message) const {
  return text_.empty() || holds(message.payload, text_)
         || std::any_of(message.headers.begin(), message.headers.end(),
                        [&](const header& each) { return holds(each.value, text_); });
}

bool letter_filter::matches(dead_letter& letter,
                            const std::function<std::uint64_t(std::uint64_t)>& replays) const {
  if (!matches_headers(letter) || !has_text(letter.message))
    return false;
  if (replayed_ && *replayed_ != (replays(letter.seq()) > 0))
    return false;
  if (!needs_content())
    return true;
  read_content(letter);
  const auto& content = letter.content;
  return (!record_ || content.record == record_) && (!user_ || content.user == user_)
         && (!currency_ || content.currency == currency_);
}

std::string letter_filter::to_text() const {
  std::string result;
  for (const auto& [name, value] : set_)
    result.append(result.empty() ? "" : " ").append(name).append("=").append(value);
  return result;
}

} // namespace ledgerd
