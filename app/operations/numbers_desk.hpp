// Answers whoever asks the nodes over NATS for the numbers of their actors.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/common/report.hpp"
#include "app/operations/actors_view.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// Many who ask at once cost one gathering, and who asks again within a quarter of a second gets the
// same answer. Thread-safe.
class numbers_desk : public std::enable_shared_from_this<numbers_desk> {
public:
  using reports = std::vector<actor_report>;
  // Hands the reports of all actors to the callback, at once or later, from any thread.
  using report_source = std::function<void(std::function<void(reports)>)>;

  static constexpr std::chrono::milliseconds fresh{250};

  // An answer has at most so many bytes.
  numbers_desk(node_identity self, std::size_t bytes_max)
      : self_(std::move(self)), bytes_max_(bytes_max) {}

  // The actors are there; they go: until then and from then on nothing is answered.
  void open(report_source actors);
  void close() { open(nullptr); }

  // Whether the question is one for numbers; it is answered through the desk, unless another node
  // is named. Never blocks.
  bool take(const api_question& asked, const std::shared_ptr<question_desk>& through);

private:
  struct asker {
    std::shared_ptr<question_desk> desk;
    std::string reply;
  };

  void gathered(const reports& all);

  const node_identity self_;
  const std::size_t bytes_max_;
  std::mutex mutex_;
  report_source actors_;
  bool under_way_ = false;
  std::vector<asker> waiting_;
  std::string last_;
  std::chrono::steady_clock::time_point last_at_{};
};

} // namespace ledgerd
