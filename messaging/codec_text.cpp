#include "messaging/codec_text.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

namespace ledgerd::wire {

namespace {

// `number` with leading zeros. Precondition: it is not negative.
void append_padded(std::string& out, std::int64_t number, std::size_t width) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  const auto size = static_cast<std::size_t>(end - digits);
  out.append(width - std::min(width, size), '0').append(digits, size);
}

// Takes `width` digits from the front, if they stand there and mean `lowest` to `highest`.
bool take_digits(std::string_view& rest, std::size_t width, int lowest, int highest) noexcept {
  int value = 0;
  const auto* begin = rest.data();
  const auto* end = begin + std::min(width, rest.size());
  if (rest.size() < width || *begin == '-')
    return false;
  if (const auto read = std::from_chars(begin, end, value);
      read.ec != std::errc{} || read.ptr != end || value < lowest || value > highest)
    return false;
  rest.remove_prefix(width);
  return true;
}

bool take(std::string_view& rest, char wanted) noexcept {
  if (!rest.starts_with(wanted))
    return false;
  rest.remove_prefix(1);
  return true;
}

} // namespace

void append_number(std::string& out, std::int64_t number) {
  char digits[20]; // a sign and the 19 digits of a 64-bit number
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

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

bool is_time(std::string_view text) noexcept {
  const auto has_sign = take(text, '-') || take(text, '+');
  return take_digits(text, has_sign ? 6 : 4, 0, 999999) && take(text, '-')
         && take_digits(text, 2, 1, 12) && take(text, '-') && take_digits(text, 2, 1, 31)
         && take(text, 'T') && take_digits(text, 2, 0, 23) && take(text, ':')
         && take_digits(text, 2, 0, 59) && take(text, ':') && take_digits(text, 2, 0, 59)
         && take(text, '.') && take_digits(text, 6, 0, 999999) && text == "Z";
}

} // namespace ledgerd::wire
