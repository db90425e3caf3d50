// The batches of the account side, as they are exported: one family each for the times of their
// commits and for their sizes.
#pragma once

#include <string_view>

#include "actors/common/report.hpp"

namespace ledgerd {

constexpr exposure account_commit_seconds(std::string_view batch) {
  return exported("ledgerd_account_commit_seconds",
                  "How long the database of the account side took for a batch: of submissions, of "
                  "results, or of records that are driven anew (their claim, and their verdicts).",
                  batch)
      .by("batch");
}

constexpr exposure account_batch_entries(std::string_view batch) {
  return exported("ledgerd_account_batch_entries",
                  "Sizes of batches of the account side: submissions and results (of a "
                  "transaction), results_pulled (deliveries taken at once), redriven (records "
                  "without a verdict, claimed at once).",
                  batch)
      .by("batch");
}

} // namespace ledgerd
