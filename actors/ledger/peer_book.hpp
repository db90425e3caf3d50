// PEER BOOK: what a peer owes us. Cuts what waits into frames, matches answers to entries, and
// judges from what it hears, and from silence, whether the link carries anything. Each entry that
// is added leaves the book exactly once: answered, or given back.
//
// Pure bookkeeping; belongs to one actor. Time is what its owner has looked at: a process that was
// stopped judges nobody by the time it missed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/ledger/peer_counters.hpp"
#include "actors/ledger/protocol.hpp"
#include "messaging/cluster_ports.hpp"
#include "messaging/link_codec.hpp"

namespace ledgerd {

struct peer_limits {
  // Frames of which nothing is answered yet; what comes meanwhile waits, and goes together.
  std::size_t frames_max = 8;
  std::size_t entries_max = 1000; // of one frame
  std::size_t bytes_max = 256 * 1024;
  // A frame stops counting as one under way after this: what it waits for may take long.
  std::chrono::milliseconds fresh{200};
  std::chrono::milliseconds probe_after{1000};    // nothing heard
  std::chrono::milliseconds probe_again{500};     // while the link is down
  std::chrono::milliseconds probe_patience{2000}; // two of them, so that one may be lost
  std::chrono::milliseconds patience{3000};       // without any sign of the peer, while it owes one
  // A frame that has come no further when it was sent again so often, each time after `patience`,
  // takes the link down. After that one that was not sent again does, until any has come further.
  std::uint32_t tries_max = 2;
  // What a look counts at most, however long ago the last was.
  std::chrono::milliseconds look_max{200};
};

class peer_book {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // What is to be sent; the view is valid until the next call.
  struct sending {
    std::uint64_t number = 0;
    std::string_view frame;
  };

  // Answers, by whom they go to.
  using pages = std::vector<std::pair<answer_sink, std::vector<ticketed_answer>>>;

  peer_book(boot_id self, boot_id peer, peer_limits limits);

  void add(std::vector<asked_entry>&& given);

  // Takes a reply of the line.
  void take(const line_reply& got);

  // Lets time pass. Called several times a second, after everything that has come was taken.
  void look(time_point now);

  // The next frame to send, until there is none. `bytes_max` is the broker's limit.
  std::optional<sending> next(std::size_t bytes_max);

  // Whether the link carries anything.
  bool up() const noexcept { return up_; }

  // What has been answered, and what comes back undecided, since the last call.
  pages take_answers() { return std::exchange(answers_, {}); }
  std::vector<asked_entry> take_given_back() { return std::exchange(given_back_, {}); }

  // Everything comes back.
  void give_back_all();

  // Why the last frame was refused, or the link went down; empty after it is up.
  const std::string& trouble() const noexcept { return trouble_; }

  std::size_t held() const noexcept { return waiting_.size() - taken_ + under_way_; }
  std::size_t frames() const noexcept { return frames_.size(); }
  const peer_counters& counters() const noexcept { return counters_; }

private:
  using span = std::chrono::nanoseconds;

  static constexpr std::size_t window_max = std::size_t{1} << 20;

  struct sent_entry {
    std::uint32_t place = 0;
    bool open = true;
    asked_entry what;
  };

  struct frame {
    std::vector<sent_entry> entries; // places rise
    std::size_t open = 0;
    span heard{}; // of it, or sent
    span sent{};
    std::uint32_t tries = 0;
    bool fresh = true;
    bool due = false; // to be sent again
  };
  using frame_map = std::map<std::uint64_t, frame>; // by number

  sent_entry* find(std::uint64_t number, std::uint32_t place);
  void refused(std::uint64_t number, link_refusal why);
  void heard_from_peer();
  void settle(link_answer& got);
  void settle(sent_entry& whom, link_answer& got);
  void send_later(asked_entry&& one);
  void answer(const origin& whom, ticketed_answer&& what);
  void give_back(asked_entry&& one);
  void give_back(frame_map::iterator at);
  void leave(frame_map::iterator at);
  void stale(frame& one);
  bool too_silent() const;
  void judge_frames();
  void set_down(std::string why);
  sending send_again(std::uint64_t number, frame& one);
  sending send_probe();
  sending send_waiting(std::size_t bytes_max);

  const boot_id self_;
  const boot_id peer_;
  const peer_limits limits_;
  frame_writer writer_;
  answers_reader reader_;
  link_answers read_;
  std::vector<asked_entry> waiting_; // the first `taken_` of them have gone
  std::size_t taken_ = 0;
  frame_map frames_;
  std::size_t under_way_ = 0; // entries in frames, not answered
  // So many may be: less after the peer had no room, and more with each look.
  std::size_t window_ = window_max;
  std::size_t fresh_ = 0; // frames
  std::uint64_t last_number_ = 0;

  std::optional<time_point> looked_;
  span lived_{};
  span heard_{};                    // any sign of the peer
  std::optional<span> probed_;      // the first probe since then
  std::optional<span> last_probed_; // the last of all
  std::uint64_t probe_ = 0;         // its number
  std::size_t due_ = 0;             // frames to be sent again
  span owed_{};                     // since when the peer owes answers
  bool up_ = false;
  bool doubted_ = false; // it may answer probes and nothing else
  std::string trouble_;

  pages answers_;
  std::vector<asked_entry> given_back_;
  peer_counters counters_;
};

} // namespace ledgerd
