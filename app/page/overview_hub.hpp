// Makes the overview for all who look: one a second while somebody does, none otherwise.
//
// A thread of its own asks the actors and the cluster and writes the document once, so that neither
// they nor the HTTP thread feel how many look.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/http/server.hpp"
#include "app/page/overview.hpp"

namespace ledgerd {

// Of whom the overview is made. The functions are called on the hub's thread, answer at once, and
// live until `close`.
struct overview_sources {
  node_card node;
  // Whom to ask; null: the node has not started, or is at its end.
  std::function<std::shared_ptr<const http_routes>()> operations;
  std::function<std::vector<readiness_check>()> checks;
  std::shared_ptr<const progress_board> standing;
  std::shared_ptr<const topology_board> streams;
  std::shared_ptr<const change_board> changes;
};

// Thread-safe.
class overview_hub {
public:
  static constexpr std::size_t streams_max = 16;
  static constexpr std::chrono::milliseconds pause{1000};    // between two overviews
  static constexpr std::chrono::milliseconds patience{1100}; // with whom is asked

  explicit overview_hub(overview_sources from);
  ~overview_hub();
  overview_hub(const overview_hub&) = delete;
  overview_hub& operator=(const overview_hub&) = delete;

  // Answers with the present overview, which is at most `pause` old, once it is there.
  void answer(http_responder respond);

  // Opens a stream of them as server-sent events: `overview` each second, the first with the
  // settings, and `end` with the reason when the node stops. 503 when there are too many.
  void listen(const http_responder& respond);

  // Ends all streams and the thread; whoever asks from now on is answered 503. Nobody is asked
  // afterwards.
  void close(const std::string& why);

private:
  struct listener {
    std::weak_ptr<http_stream> stream;
    bool greeted = false; // has had the settings
  };
  struct gathering;

  void work();
  bool wanted();
  overview_facts gather();
  void hand_out(nlohmann::ordered_json document);

  const overview_sources from_;
  const std::shared_ptr<gathering> gathered_; // outlives the hub where an answer is still due
  flow_meter flow_;                           // the thread's
  std::mutex mutex_;
  std::condition_variable rung_;
  bool closed_ = false;
  std::chrono::steady_clock::time_point made_at_{}; // of the last overview
  std::string latest_;                              // the whole of it; empty: none yet
  std::vector<http_responder> asking_;
  std::vector<listener> listeners_;
  std::thread thread_; // last: it uses all of the above
};

// GET /v1/overview and GET /v1/events.
std::vector<http_route> make_overview_routes(const std::shared_ptr<overview_hub>& hub);

} // namespace ledgerd
