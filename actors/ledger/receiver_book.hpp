// RECEIVER BOOK: what this node owes its peers. Gives each entry of a frame a ticket, remembers to
// whom its answer goes, and packs answers into letters. An entry that comes again while it is held
// is not taken twice. What there is no room for is to come again.
//
// Pure bookkeeping; belongs to one actor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/ledger/protocol.hpp"
#include "actors/ledger/receiver_counters.hpp"
#include "messaging/link_codec.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

class receiver_book {
public:
  // What is to be sent to a peer.
  struct letter {
    std::string reply; // the subject
    std::string payload;
  };

  // `room` is for entries, and for what they take in memory.
  receiver_book(boot_id self, capacity room);

  // Takes a frame. Adds what is to be decided to `admitted`, asked by `me`.
  void take(std::string_view payload, const std::string& reply, const answer_sink& me,
            std::vector<asked_entry>& admitted);

  // Takes answers to tickets. Those that were given back by `return_all` are ignored.
  void answer(std::vector<ticketed_answer>&& got);

  // From now on everything new goes back undecided.
  void shut() { shut_ = true; }

  // The broker takes no larger messages than this.
  void limit_letters(std::size_t message_bytes_max) noexcept;

  // Everything that is held goes back undecided.
  void return_all();

  // What is to be sent, since the last call.
  std::vector<letter> take_letters() { return std::exchange(letters_, {}); }

  std::size_t held() const noexcept { return held_; }
  std::size_t bytes() const noexcept { return bytes_; }
  const receiver_counters& counters() const noexcept { return counters_; }

private:
  // Who sends: a boot id and an inbox, so that no stranger gets at the frames of another.
  struct sender {
    std::string reply;                              // of the last frame
    std::map<std::uint64_t, std::uint64_t> serials; // of its frames, by number
  };
  using sender_map = std::map<std::pair<boot_id, std::string>, sender>;

  struct frame {
    sender_map::iterator from;
    std::uint64_t number = 0;
    std::vector<bool> open; // by place
    std::size_t left = 0;
    std::size_t bytes = 0;
  };
  using frame_map = std::unordered_map<std::uint64_t, frame>; // by serial

  // Answers to one frame, as a part of what has come.
  struct run {
    frame_map::iterator of;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  void refuse(link_refusal why, const std::string& reply);
  void admit(sender_map::iterator from, const answer_sink& me, std::vector<asked_entry>& admitted);
  std::size_t count_fitting(const std::vector<framed_entry>& entries, std::size_t& bytes) const;
  void refuse_from(std::size_t first);
  void write(std::vector<ticketed_answer>& got);
  void write_one(std::uint32_t place, const ticketed_answer& what);
  void close(frame& of, std::uint32_t place);
  void leave(frame_map::iterator at);
  void send(const std::string& reply);

  const boot_id self_;
  const capacity room_;
  std::size_t letter_bytes_;
  frame_reader reader_;
  answers_writer writer_;
  link_frame read_;
  sender_map senders_;
  frame_map frames_;
  std::uint64_t last_serial_ = 0;
  std::size_t held_ = 0;
  std::size_t bytes_ = 0;
  bool shut_ = false;
  bool gone_ = false;                                 // what is answered from now on was given back
  std::vector<std::pair<ticket, std::size_t>> order_; // of the answers that have come
  std::vector<run> runs_;
  std::vector<letter> letters_;
  receiver_counters counters_;
};

} // namespace ledgerd
