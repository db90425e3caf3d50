// One stream under search: the ways in which a message is found without reading all of it, and how
// much was looked at.
//
// Effects only through the shelf. Belongs to one thread, which waits for the broker.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "app/trace/finder.hpp"

namespace ledgerd {

// Which sequence numbers were looked at, in parts.
class seen_parts {
public:
  // Both ends included.
  void add(std::uint64_t first, std::uint64_t last);

  bool holds(std::uint64_t seq) const { return holds(seq, seq); }
  bool holds(std::uint64_t first, std::uint64_t last) const;

private:
  std::map<std::uint64_t, std::uint64_t> parts_; // by their first; no two of them touch
};

class stream_search {
public:
  using wanted = std::function<bool(const stored_message&)>;
  // What messages stand in order of, mostly; nothing: this one does not say.
  using key_of = std::function<std::optional<std::int64_t>(const stored_message&)>;

  static constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();

  // Of what is found so much is kept: anybody may publish a thousand megabytes that name one
  // record.
  static constexpr std::size_t kept_max = 1000;
  static constexpr std::size_t kept_bytes_max = std::size_t{4} << 20;

  // All outlive it. `until`: when all searching is to be over.
  stream_search(const shelf& on, std::string_view stream, std::vector<stored_message>& found,
                const search_limits& limits, std::chrono::steady_clock::time_point until);

  const stream_state& state() const { return state_; }
  const std::vector<stored_message>& found() const { return found_; }
  bool is_empty() const { return !state_.exists || state_.messages == 0; }
  bool has_found() const { return !found_.empty(); }
  bool is_known() const { return is_empty() || seen_.holds(state_.first_seq, state_.last_seq); }
  bool has_read(std::uint64_t first, std::uint64_t last) const { return seen_.holds(first, last); }
  bool is_over() const { return std::chrono::steady_clock::now() >= until_; }

  // The message with this number, if it is wanted. Whether it is, and is there now.
  bool look_at(std::uint64_t seq, const wanted& is_wanted);

  // The number of the first message on a subject from this one on.
  std::optional<std::uint64_t> first_on(std::string_view subject, std::uint64_t seq) const;

  void read_all(const wanted& is_wanted);

  // Backwards from `last` to `first` in growing parts, until a part held something, `at_most`
  // messages were read or the time is over. `all`: also behind what was found.
  enum class until_found : std::uint8_t { first, all };
  void read_back(std::uint64_t first, std::uint64_t last, std::uint64_t at_most,
                 const wanted& is_wanted, until_found how);

  // By time, both in nanoseconds, at most so many.
  void read_window(std::int64_t since, std::int64_t until, std::uint64_t at_most,
                   const wanted& is_wanted, until_found how);

  // Where the keys mostly count up, a few looks lead to the place between `first` and `last` where
  // this one would stand; so many messages before and after it are read, since what is written at
  // once by many stands in no exact order. Reads next to nothing when they are in no such order.
  // With a subject the keys count up on that one alone, wherever its messages are among the others.
  // Whether something was found.
  bool find_by_order(std::uint64_t first, std::uint64_t last, std::int64_t key, const key_of& of,
                     const wanted& is_wanted, std::uint64_t around = 500,
                     std::string_view subject = {});

  // All that no node had got was read.
  void note_waiting_read() { waiting_read_ = true; }

  stream_reach reach() const;

private:
  void look(const stored_message& message);
  std::optional<stored_message> fetch(std::uint64_t seq, const wanted& is_wanted);
  void take(const stored_message& message);
  void read_part(std::uint64_t first, std::uint64_t last, const wanted& is_wanted);
  struct order {
    const key_of& of;
    const wanted& is_wanted;
    std::string_view subject; // empty: of all
  };
  void note(const stored_message& message, const wanted& is_wanted);
  std::optional<std::int64_t> key_near(std::uint64_t& seq, std::uint64_t last, const order& by);
  std::optional<std::int64_t> last_key(std::uint64_t low, std::uint64_t& high, const order& by);
  std::optional<std::uint64_t> place_of(std::uint64_t low, std::uint64_t high, std::int64_t key,
                                        const order& by, std::uint64_t around);

  const shelf& on_;
  const std::string_view name_;
  std::vector<stored_message>& found_;
  const search_limits& limits_;
  const std::chrono::steady_clock::time_point until_;
  const stream_state state_;
  seen_parts seen_;
  std::set<std::uint64_t> found_numbers_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t read_ = 0;
  std::int64_t back_to_ns_ = 0;
  bool waiting_read_ = false;
};

} // namespace ledgerd
