// Watches the certificates that this node uses: a daemon runs for months, and they end.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/config/certificate_files.hpp"
#include "app/daemon/http_files.hpp"
#include "app/operations/metrics_snapshot.hpp"

namespace ledgerd {

// What the log is to be told of certificates, and when. Pure; one thread at a time.
class certificate_words {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // From so long before its end on a certificate is spoken of.
  static constexpr std::chrono::days soon{14};
  static constexpr std::chrono::days pause_when_soon{1};
  static constexpr std::chrono::hours pause_when_invalid{1};

  enum class word { nothing, expires, invalid };

  // Called regularly. Says it at once when something is different from the last time, then now and
  // then.
  word look(const used_certificate& seen, std::chrono::sys_seconds today, time_point now);

private:
  struct said {
    word what = word::nothing;
    std::optional<certificate_validity> of;
    time_point at;
  };
  std::map<std::string, said> said_; // by name
};

// What the last look has seen. Any thread.
class certificate_board {
public:
  void looked(std::vector<used_certificate> seen);

  // None before the first look.
  metrics_snapshot metrics() const;

private:
  mutable std::mutex mutex_;
  std::vector<used_certificate> seen_;
};

// Looks on a thread of its own, at once and then again and again, from before the servers are
// reached: a certificate that has expired may be why they are not. Has `files` look as well.
class certificate_watch {
public:
  // Both must outlive it.
  certificate_watch(const config& settings, http_files& files,
                    std::shared_ptr<certificate_board> board,
                    std::chrono::milliseconds pause = std::chrono::minutes{1});
  ~certificate_watch();
  certificate_watch(const certificate_watch&) = delete;
  certificate_watch& operator=(const certificate_watch&) = delete;

private:
  void watch();
  void look();

  const config& settings_;
  http_files& files_;
  const std::shared_ptr<certificate_board> board_;
  const std::chrono::milliseconds pause_;
  certificate_words words_; // the thread's only

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::thread thread_; // last: it uses all of the above
};

} // namespace ledgerd
