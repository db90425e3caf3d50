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
  std::uint64_t example = 0;      // the newest letter's sequence number
  std::uint64_t replayed = 0;     // letters that were replayed at least once
  std::uint64_t failed_again = 0; // of these, those whose replay was parked again
};

// At most `groups_max` groups: the letters of further causes are only counted. Keeps 16 bytes for a
// letter that was replayed.
class letter_groups {
public:
  static constexpr std::size_t groups_max = 200;

  // In the order of their sequence numbers. `replays` says how often it was replayed.
  void add(const dead_letter& letter, std::uint64_t replays);

  // Some letter, of a group or not, comes of a replay of this one.
  void note_failure(std::uint64_t replay_of);

  // The largest first.
  std::vector<letter_group> sorted() const;
  std::uint64_t others() const noexcept { return others_; }

private:
  struct replayed_letter {
    std::uint64_t seq;
    std::uint32_t group;
    bool failed;
  };

  std::vector<letter_group> groups_;
  std::vector<replayed_letter> replayed_; // by sequence number
  std::uint64_t others_ = 0;
};

} // namespace ledgerd
