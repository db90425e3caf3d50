// PostgreSQL array literals such as {1,2,NULL} and {"a","b\"c"}: how a column of a batch becomes
// one parameter.
//
// Our own, because the array support of libpqxx differs between its versions. One thread; reused
// from batch to batch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ledgerd {

class array_literal {
public:
  // Empties the array and keeps its memory.
  void clear() noexcept { text_.clear(); }

  void add(std::int64_t value);

  // Any text, quoted whatever it holds. PostgreSQL refuses what it cannot store (a NUL byte, text
  // that is not UTF-8).
  void add(std::string_view value);

  void add_null();

  // Empty: NULL.
  void add_or_null(std::string_view value);

  // Closes the literal; it stays valid until clear(). Nothing may be added after it.
  const char* c_str();

private:
  void separate() { text_ += text_.empty() ? '{' : ','; }

  std::string text_;
};

} // namespace ledgerd
