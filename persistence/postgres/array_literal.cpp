#include "persistence/postgres/array_literal.hpp"

#include <charconv>
#include <limits>

namespace ledgerd {

void array_literal::add(std::int64_t value) {
  separate();
  char digits[std::numeric_limits<std::int64_t>::digits10 + 3];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  text_.append(digits, end);
}

void array_literal::add(std::string_view value) {
  separate();
  text_ += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\')
      text_ += '\\';
    text_ += c;
  }
  text_ += '"';
}

void array_literal::add_null() {
  separate();
  text_ += "NULL";
}

void array_literal::add_or_null(std::string_view value) {
  if (value.empty())
    add_null();
  else
    add(value);
}

const char* array_literal::c_str() {
  if (text_.empty())
    text_ = "{";
  if (text_.back() != '}')
    text_ += '}';
  return text_.c_str();
}

} // namespace ledgerd
