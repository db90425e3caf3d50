// What is wrong with streams and consumers now, as the one who watches them says.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ledgerd {

struct topology_counts {
  std::uint64_t made_again = 0;
  std::uint64_t deleted_unread = 0; // requests
  // What is missing or set so that it would lose messages, as of the last look that could tell.
  std::uint64_t refused = 0;
};

// How far the streams were at the watch's last look.
struct stream_marks {
  std::chrono::steady_clock::time_point at; // of the look
  std::int64_t requests_life = 0;           // the request stream's, by its creation
  std::uint64_t requests = 0;               // its last sequence: published in this life
  std::uint64_t dead_letters = 0;           // stored now
};

// What a stream holds.
struct stream_fill {
  std::string stream;
  std::int64_t percent = 0; // of its limits; see full_percent
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::size_t missing_copies = 0; // away or behind for a while
};

// What the watch has seen last. Thread-safe.
class topology_board {
public:
  // What is wrong now, or why that is not known, in a sentence; empty: nothing.
  std::string problem() const;
  topology_counts counts() const;
  // Nothing: no look has come to its end yet.
  std::optional<stream_marks> marks() const;

  // As of the last look; only streams that are there.
  std::vector<stream_fill> fills() const;

  void seen(const stream_marks& marks);
  void filled(std::vector<stream_fill> fills);
  void wrong(const std::vector<std::string>& sentences);
  // Why a look came to no end; empty: it did. What an earlier one saw wrong still counts.
  void unseen(const std::string& sentence);
  void made_again(std::size_t count);
  void deleted_unread(std::uint64_t count);

  // No look begins any more: the process is shutting down.
  void close() { closed_ = true; }
  bool closed() const { return closed_; }

private:
  std::atomic<bool> closed_ = false;
  mutable std::mutex mutex_;
  std::vector<std::string> wrong_;
  std::string unseen_;
  topology_counts counts_;
  std::optional<stream_marks> marks_;
  std::vector<stream_fill> fills_;
};

} // namespace ledgerd
