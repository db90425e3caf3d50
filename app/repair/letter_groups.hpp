// Letters of one cause: the same reason, and the same detail but for the parts that vary.
//
// Pure; any thread, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

struct dead_letter;

// The detail with what varies from letter to letter as `#` (words that hold a digit) or "*" (quoted
// text that is no name of a field, a constraint and the like).
std::string masked_detail(std::string_view detail);

// Eight hexadecimal digits that stand for the reason and the masked detail, the same for ever: a
// group by its name.
std::string cause_of(std::string_view reason, std::string_view detail);

struct letter_group {
  std::string cause;
  std::string reason;
  std::string detail; // masked where the letters differ
  std::uint64_t count = 0;
  std::int64_t oldest_ns = 0; // by the broker's clock, since 1970
  std::int64_t newest_ns = 0;
  std::uint64_t example = 0; // the newest letter's sequence number
};

// At most `groups_max` groups: the letters of further causes are only counted.
class letter_groups {
public:
  static constexpr std::size_t groups_max = 200;

  void add(const dead_letter& letter);

  // The largest first.
  std::vector<letter_group> sorted() const;
  std::uint64_t others() const noexcept { return others_; }

private:
  std::vector<letter_group> groups_;
  std::uint64_t others_ = 0;
};

} // namespace ledgerd
