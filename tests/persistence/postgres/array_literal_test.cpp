#include "persistence/postgres/array_literal.hpp"

#include <limits>

#define CAF_SUITE array_literal
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

template <class... Ts>
std::string literal(const Ts&... values) {
  array_literal result;
  (result.add(values), ...);
  return result.c_str();
}

std::string texts(std::initializer_list<std::string_view> values) {
  array_literal result;
  for (const auto value : values)
    result.add(value);
  return result.c_str();
}

} // namespace

CAF_TEST(numbers) {
  using limits = std::numeric_limits<std::int64_t>;
  CAF_CHECK_EQUAL(literal(std::int64_t{0}), "{0}");
  CAF_CHECK_EQUAL(literal(limits::min(), std::int64_t{-1}, limits::max()),
                  "{-9223372036854775808,-1,9223372036854775807}");
}

CAF_TEST(an empty array) {
  array_literal empty;
  CAF_CHECK_EQUAL(std::string(empty.c_str()), "{}");
}

CAF_TEST(every text is quoted) {
  CAF_CHECK_EQUAL(texts({"a", "", "NULL", " "}), R"({"a","","NULL"," "})");
  CAF_CHECK_EQUAL(texts({"{}", ",", "'", "\xed\x95\x9c"}), "{\"{}\",\",\",\"'\",\"\xed\x95\x9c\"}");
}

CAF_TEST(quotes and backslashes are escaped) {
  CAF_CHECK_EQUAL(texts({R"(")", R"(\)", R"(\")"}), R"({"\"","\\","\\\""})");
}

CAF_TEST(a null is a bare word) {
  array_literal mixed;
  mixed.add_null();
  mixed.add(std::string_view("x"));
  mixed.add_null();
  CAF_CHECK_EQUAL(std::string(mixed.c_str()), R"({NULL,"x",NULL})");
}

CAF_TEST(an array is used again) {
  array_literal again;
  again.add(std::int64_t{1});
  CAF_CHECK_EQUAL(std::string(again.c_str()), "{1}");
  CAF_CHECK_EQUAL(std::string(again.c_str()), "{1}");
  again.clear();
  again.add(std::string_view("}"));
  CAF_CHECK_EQUAL(std::string(again.c_str()), R"({"}"})");
}
