// Random content for the property tests of the codec.
#pragma once

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "domain/record.hpp"

namespace ledgerd {

inline const std::vector<currency>& codec_currency_rows() {
  static const std::vector<currency> rows{{*currency_code::parse("KRW"), 0},
                                          {*currency_code::parse("EUR"), 2},
                                          {*currency_code::parse("BHD"), 3},
                                          {*currency_code::parse("XYZ"), 18}};
  return rows;
}

inline const currency_table& codec_currencies() {
  static const currency_table table(codec_currency_rows());
  return table;
}

inline int codec_exponent(currency_code code) {
  return codec_currencies().exponent(code).value();
}

// Every kind of value that can be stored, the extreme ones often.
class codec_worlds {
public:
  explicit codec_worlds(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t end) { return random_() % end; }

  std::int64_t number(std::int64_t lowest) {
    constexpr auto highest = std::numeric_limits<std::int64_t>::max();
    switch (below(4)) {
    case 0:
      return lowest;
    case 1:
      return highest - static_cast<std::int64_t>(below(2));
    case 2:
      return lowest + static_cast<std::int64_t>(below(1000));
    default:
      return static_cast<std::int64_t>(random_() >> (1 + below(63))) | lowest;
    }
  }

  // 1 to 128 bytes without control characters.
  std::string user() {
    static const std::vector<std::string> letters{"a",
                                                  "Z",
                                                  "0",
                                                  " ",
                                                  "\"",
                                                  "\\",
                                                  "/",
                                                  "{",
                                                  "}",
                                                  "[",
                                                  ",",
                                                  ":",
                                                  "'",
                                                  "~",
                                                  "\xc2\xa0",
                                                  "\xed\x95\x9c",
                                                  "\xef\xbf\xbf",
                                                  "\xf0\x9f\x92\xb0",
                                                  "\xf4\x8f\xbf\xbf"};
    const auto size = 1 + below(128);
    std::string result;
    for (;;) {
      const auto& letter = letters[below(letters.size())];
      if (result.size() + letter.size() > size)
        return result.empty() ? "u" : result;
      result += letter;
    }
  }

  currency_code code() { return codec_currency_rows()[below(codec_currency_rows().size())].code; }

  // From the year 1 to 20000.
  database_time time() {
    return database_time{-62'135'596'800'000'000
                         + static_cast<std::int64_t>(below(631'138'521'600'000'000))};
  }

  submission asked() {
    return {{user(), code()},
            below(2) == 0 ? movement::deposit : movement::withdrawal,
            money{number(1)}};
  }

  posting stored() {
    const auto content = asked();
    constexpr outcome verdicts[] = {outcome::applied, outcome::insufficient_funds,
                                    outcome::balance_overflow};
    return {.id = transaction_id{number(1)},
            .record = record_id{number(1)},
            .account = content.account,
            .seq = number(1),
            .type = content.type,
            .amount = content.amount,
            .verdict = verdicts[below(3)],
            .balance_after = money{number(0)},
            .created_at = time()};
  }

private:
  std::mt19937_64 random_;
};

} // namespace ledgerd
