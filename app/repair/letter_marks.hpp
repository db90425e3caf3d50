// How often letters were replayed, and when last.
//
// Pure; any thread, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ledgerd {

struct replay_mark {
  std::uint64_t times = 0;
  std::int64_t last_ns = 0; // by the broker's clock, since 1970; 0: never
};

// Keeps 24 bytes for a replayed letter, of at most `letters_max`: the newest of them, so that
// memory is bounded whatever the stream of actions holds.
class letter_marks {
public:
  static constexpr std::size_t letters_max = std::size_t{1} << 20;

  explicit letter_marks(std::size_t most = letters_max) : most_(most) {}

  void replayed(std::uint64_t letter, std::int64_t at_ns);

  replay_mark of(std::uint64_t letter) const;

private:
  struct item {
    std::uint64_t letter;
    replay_mark mark;
  };

  void merge() const;

  std::size_t most_;
  mutable std::vector<item> items_; // by letter up to `sorted_`
  mutable std::size_t sorted_ = 0;
};

} // namespace ledgerd
