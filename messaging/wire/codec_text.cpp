#include "messaging/wire/codec_text.hpp"

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
bool take_digits(std::string_view& rest, std::size_t width, int lowest, int highest,
                 int& value) noexcept {
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

// Days from 1970-01-01 to the first of a month, in the Gregorian calendar, which repeats itself
// after 400 years of 146,097 days; a year is taken to begin in March, so that it ends with the leap
// day.
std::int64_t days_before(std::int64_t year, std::int64_t month) noexcept {
  const auto shifted = month <= 2 ? year - 1 : year;
  const auto era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const auto year_of_era = shifted - era * 400;
  const auto month_from_march = (month + 9) % 12;
  const auto day_of_year = (153 * month_from_march + 2) / 5;
  const auto day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
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

std::optional<database_time> parse_time(std::string_view text) noexcept {
  const auto is_negative = text.starts_with('-');
  const auto has_sign = take(text, '-') || take(text, '+');
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, micro = 0;
  if (!take_digits(text, has_sign ? 6 : 4, 0, 999999, year) || !take(text, '-')
      || !take_digits(text, 2, 1, 12, month) || !take(text, '-')
      || !take_digits(text, 2, 1, 31, day) || !take(text, 'T') || !take_digits(text, 2, 0, 23, hour)
      || !take(text, ':') || !take_digits(text, 2, 0, 59, minute) || !take(text, ':')
      || !take_digits(text, 2, 0, 59, second) || !take(text, '.')
      || !take_digits(text, 6, 0, 999999, micro) || text != "Z")
    return std::nullopt;
  // More than the years that the database's clock can say would leave 64 bits.
  constexpr int year_max = 290000;
  if (year > year_max)
    return std::nullopt;
  const auto days = days_before(is_negative ? -year : year, month) + day - 1;
  const auto seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
  return database_time{seconds * 1'000'000 + micro};
}

} // namespace ledgerd::wire
