// An independent reading of amounts, to compare with.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace ledgerd {

// The reference: no arithmetic on the value, only strings. Every exponent beyond 9999 counts as
// 9999, which is far out of range for the short tokens it is given.
class amount_oracle {
public:
  static std::string parse(const std::string& token, int exponent) {
    auto at = std::size_t{0};
    const bool negative = at < token.size() && token[at] == '-';
    at += negative ? 1 : 0;
    const auto digits = [&] {
      std::string run;
      while (at < token.size()
             && std::string_view("0123456789").find(token[at]) != std::string_view::npos)
        run += token[at++];
      return run;
    };
    const auto whole = digits();
    if (whole.empty() || (whole[0] == '0' && whole != "0"))
      return "not_a_decimal";
    std::string fraction;
    if (at < token.size() && token[at] == '.') {
      ++at;
      if (fraction = digits(); fraction.empty())
        return "not_a_decimal";
    }
    int shift = 0;
    if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
      ++at;
      const bool down = at < token.size() && token[at] == '-';
      if (at < token.size() && (token[at] == '-' || token[at] == '+'))
        ++at;
      const auto run = digits();
      if (run.empty())
        return "not_a_decimal";
      shift = down ? -places(run) : places(run);
    }
    if (at != token.size())
      return "not_a_decimal";
    return value(negative, whole, fraction, shift + exponent);
  }

private:
  static int places(std::string run) {
    run.erase(0, std::min(run.find_first_not_of('0'), run.size() - 1));
    return run.size() > 4 ? 9999 : std::stoi(run);
  }

  // Moves the point by `shift` places, one character at a time.
  static std::string value(bool negative, std::string whole, std::string fraction, int shift) {
    for (; shift > 0; --shift) {
      whole += fraction.empty() ? '0' : fraction.front();
      if (!fraction.empty())
        fraction.erase(0, 1);
    }
    for (; shift < 0; ++shift) {
      fraction.insert(fraction.begin(), whole.empty() ? '0' : whole.back());
      if (!whole.empty())
        whole.pop_back();
    }
    whole.erase(0, whole.find_first_not_of('0'));
    const bool has_fraction = fraction.find_first_not_of('0') != std::string::npos;
    if ((whole.empty() && !has_fraction) || negative)
      return "not_positive";
    if (has_fraction)
      return "too_many_digits";
    const std::string limit = "9223372036854775807";
    if (whole.size() > limit.size() || (whole.size() == limit.size() && whole > limit))
      return "too_large";
    return whole;
  }
};

} // namespace ledgerd
