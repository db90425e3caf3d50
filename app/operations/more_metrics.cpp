#include <algorithm>
#include <iterator>
#include <utility>

#include "app/operations/routes.hpp"

namespace ledgerd {

http_routes with_metrics(http_routes daemon, std::function<metrics_snapshot()> more) {
  daemon.metrics = [inner = std::move(daemon.metrics),
                    more = std::move(more)](std::function<void(metrics_snapshot)> answer) {
    inner([more, answer = std::move(answer)](metrics_snapshot all) {
      auto added = more();
      std::move(added.begin(), added.end(), std::back_inserter(all));
      answer(std::move(all));
    });
  };
  return daemon;
}

} // namespace ledgerd
