// The dead letters and actions as the broker holds them, in pages and groups.
//
// Every function waits and throws std::runtime_error. One object belongs to one thread; what it has
// read of the actions and, for groups, of the letters it does not read again, so one that is kept
// answers a second question from what is new. Memory is bounded whatever the streams hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/repair/action.hpp"
#include "app/repair/letter.hpp"
#include "app/repair/letter_filter.hpp"
#include "app/repair/letter_groups.hpp"
#include "app/repair/letter_marks.hpp"
#include "messaging/broker.hpp"

namespace ledgerd {

// Asked between messages: whether to stop and say how far it came. Once it says so it always does.
using stop_asked = std::function<bool()>;

// A letter and what has become of it.
struct shelved_letter {
  dead_letter letter; // its content is read; on a page its payload and its texts are cut
  std::size_t payload_bytes = 0;
  replay_mark replays;
  std::optional<std::uint64_t>
      failed_again; // the newest letter that a replay of this one has led to
  // The newest discard of an earlier letter of the same message or record; only `find` looks for
  // it.
  std::optional<action> discarded_before = std::nullopt;
  // False: stopped before all actions and all newer letters were read, so there may be more of
  // both.
  bool marks_complete = true;
};

template <class Item>
struct newest_page {
  std::vector<Item> items;           // the newest first
  std::optional<std::uint64_t> next; // before which the next page begins; nothing: that was all
};

class letter_shelf {
public:
  // How much of a payload a page keeps.
  static constexpr std::size_t shown_payload_max = 1024;

  // `nats` outlives the object.
  explicit letter_shelf(broker& nats) : nats_(nats) {}

  // The newest `limit` letters that match, cut, below the sequence number `before` (0: from the
  // newest).
  newest_page<shelved_letter> page(const letter_filter& filter, std::size_t limit,
                                   std::uint64_t before, const stop_asked& stop);

  // One letter with all of its payload.
  std::optional<shelved_letter> find(std::uint64_t seq, const stop_asked& stop);

  struct grouping {
    std::vector<letter_group> groups; // the largest first
    std::uint64_t others = 0;         // letters of further causes
    bool complete = true;             // false: stopped before the end
  };
  grouping groups(const letter_filter& filter, const stop_asked& stop);

  newest_page<action> actions(std::size_t limit, std::uint64_t before, const stop_asked& stop);

  // Reads on in the actions, up to now. False: stopped before; the next call goes on from there.
  bool read_marks(const stop_asked& stop);

  // How often each letter was replayed, as far as that was read.
  const letter_marks& marks() const { return marks_; }

private:
  // How far a stream was read, and of which life of it.
  struct reach {
    std::int64_t created_at_ns = 0;
    std::uint64_t read_up_to = 0;
    std::uint64_t messages = 0;
  };

  shelved_letter shelve(dead_letter letter, bool whole);
  void note_failures(std::vector<shelved_letter>& letters, bool marks_complete,
                     const stop_asked& stop);
  void note_discard(shelved_letter& shown, const stop_asked& stop);

  broker& nats_;
  letter_marks marks_;
  std::uint64_t marks_version_ = 0; // another one when they have changed
  reach actions_read_;
  std::int64_t marks_since_ns_ = 0; // when the letters' stream was made that they are about
  letter_groups all_groups_;        // of all letters
  reach letters_read_;
  std::uint64_t letters_marked_ = 0; // the version of the marks that the groups show
};

} // namespace ledgerd
