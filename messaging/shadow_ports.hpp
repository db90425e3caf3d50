// How a shadow sees the broker: it pulls like everybody and publishes nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "domain/entry.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// What has happened on a shadow's road since somebody looked last. Any thread.
class shadow_notes {
public:
  struct taken {
    std::vector<record_id> decided;                        // have a row now
    std::vector<std::pair<record_id, std::string>> parked; // and the reason
    std::int64_t reached_ns = 0;                           // when the last request was stored
    std::chrono::steady_clock::time_point pulled_at;       // the last request
    std::uint64_t lost = 0;                                // there was no room for so many
  };

  void pulled(std::int64_t stored_at_ns);
  void decided(record_id id);
  void parked(record_id id, std::string reason);

  taken take();

private:
  static constexpr std::size_t notes_max = 200000;

  std::mutex mutex_;
  taken now_;
};

// Confirms everything and publishes nothing; notes which results and dead letters it got.
std::unique_ptr<publisher> make_silent_publisher(std::shared_ptr<shadow_notes> notes,
                                                 std::size_t message_bytes_max);

// `source`, of which is noted how far it has come.
std::unique_ptr<delivery_source> make_noted_source(std::unique_ptr<delivery_source> source,
                                                   std::shared_ptr<shadow_notes> notes);

} // namespace ledgerd
