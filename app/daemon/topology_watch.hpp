// Watches streams and consumers while the daemon runs: makes again what disappears, judges settings
// that somebody changes, finds requests that were deleted unread, and consumers that do not see
// them.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "app/operations/topology_board.hpp"
#include "messaging/blind_consumer.hpp"
#include "messaging/broker.hpp"
#include "messaging/deleted_unread.hpp"
#include "messaging/missing_copies.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

struct config;

// What this node needs of the broker, by its configuration. `database`: which ledger it serves, 0
// where that is not known.
provisioning provisioning_of(const config& settings, std::uint64_t database = 0);

struct topology_pauses {
  std::chrono::milliseconds look{1000};
  std::chrono::milliseconds judge{60000};    // every setting, also of what has not changed
  std::chrono::milliseconds complain{30000}; // of what stays wrong
  std::chrono::milliseconds costly{600000};  // questions that a nats-server before 2.10 minds
  std::chrono::milliseconds blind{5000};     // a consumer is given so long to see what is there
  std::chrono::milliseconds weak{10000};     // a copy of a stream to come back, or to catch up
};

// Looks in a thread of its own. What is missing at two looks in a row is made again as at the start
// (with `--provision`), so that somebody who makes it anew himself comes first. `nats` must outlive
// the watch. Of a broker that does not answer others speak.
class topology_watch {
public:
  topology_watch(const provisioning& how, broker& nats, std::shared_ptr<topology_board> board,
                 topology_pauses pauses = {});
  ~topology_watch();
  topology_watch(const topology_watch&) = delete;
  topology_watch& operator=(const topology_watch&) = delete;

private:
  using clock = std::chrono::steady_clock;

  void watch();
  void look();
  void note_unseen(const std::string& sentence);
  void survey();
  void note_wrong(std::vector<std::string> sentences);
  std::optional<stream_state> look_beside(std::string_view name);
  void find_lost();
  void tell_lost(const lost_requests& lost);
  void find_deleted();
  void find_blind();
  void note_blind(const durable_consumer& one, const consumer_state& state);
  const std::optional<consumer_state>& ask_once(const durable_consumer& one);
  std::optional<std::vector<consumer_state>> request_consumers();
  std::vector<std::string> missing(std::size_t& settings);
  std::size_t note_copies(std::string_view stream, const stream_state& state);
  void note_fill(std::string_view stream, const stream_state& state,
                 std::vector<stream_fill>& fills);

  const provisioning how_;
  broker& nats_;
  const std::shared_ptr<topology_board> board_;
  const topology_pauses pauses_;
  // The thread's only.
  std::vector<std::string> missing_before_;
  std::vector<std::string> wrong_;
  std::vector<std::string> warned_;
  std::size_t failed_ = 0; // looks in a row
  std::set<std::string, std::less<>> full_;
  std::map<std::string, missing_copies, std::less<>> copies_;   // by stream
  std::map<std::string_view, clock::time_point> ask_beside_at_; // by stream
  std::map<std::string_view, blind_consumer> spells_;           // by consumer
  std::map<std::string_view, std::string> blind_;               // sentences, by consumer
  std::size_t settings_before_ = 0;                             // of all streams
  stream_state requests_;                                       // as of this look
  std::map<std::string_view, std::optional<consumer_state>>
      consumers_;                  // of requests, as of this look
  stream_lives lives_;             // of the request stream
  std::int64_t known_life_ = 0;    // of the request stream, in which the next two are
  std::uint64_t first_before_ = 0; // the first sequence as it was last judged
  std::uint64_t deleted_to_ = 0;   // told of up to here
  std::uint64_t last_before_ = 0;  // the stream's last sequence, and when it moved
  clock::time_point last_moved_at_;
  clock::time_point judge_at_;
  clock::time_point complain_at_;
  clock::time_point costly_at_;
  bool may_cost_ = false; // at this look
  clock::time_point ask_deleted_at_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::thread thread_; // last: it uses all of the above
};

} // namespace ledgerd
