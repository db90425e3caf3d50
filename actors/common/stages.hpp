// The stages of a request on its road, as they are exported: one family each for their times and
// for the sizes of batches. The commit has a name of its own, `ledgerd_commit_seconds`.
#pragma once

#include <string_view>

#include "actors/common/report.hpp"

namespace ledgerd {

constexpr exposure stage_seconds(std::string_view stage) {
  return exported(
             "ledgerd_stage_seconds",
             "Time of requests in a stage: pull (stored in the stream, by the broker's clock, "
             "until it is here), decode, decide (region, ledger, gate and commit), gate (of a "
             "batch, until its commit begins), publish (until the PubAck), ack (until it is "
             "on its way). On the account side: record (a submission, from its arrival until "
             "it is committed), request_publish (until the PubAck of its request), result_pull "
             "(as pull, of results), settle (a result, from its arrival until its record has "
             "its verdict).",
             stage)
      .by("stage");
}

constexpr exposure batch_entries(std::string_view stage) {
  return exported("ledgerd_batch_entries",
                  "Sizes of batches: pulled (deliveries taken at once), posted (entries of a "
                  "transaction).",
                  stage)
      .by("stage");
}

} // namespace ledgerd
