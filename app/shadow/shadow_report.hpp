// The verb `shadow report`: all results that the present service has published against all rows
// that the shadow has written, on what stream and database hold now.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "messaging/shadow_comparison.hpp"
#include "persistence/ledger_reader.hpp"

namespace ledgerd {

struct shadow_report_options {
  std::size_t listed = 100;                    // of each kind
  std::chrono::milliseconds older_than{60000}; // rows that may be without a result
  request_rules rules;                         // the shadow's
};

struct shadow_report {
  // A result for which the shadow has no row.
  struct without_row {
    record_id record{};
    std::uint64_t seq = 0;
    std::string why; // what the shadow makes of its request
  };

  std::uint64_t results = 0;
  std::uint64_t unreadable = 0; // results without a record id
  std::uint64_t agreed = 0;
  std::uint64_t differing = 0;
  std::uint64_t carried = 0; // among those: they follow from the one before
  std::size_t accounts_off = 0;
  std::uint64_t rows = 0;     // without those of an import
  std::uint64_t openings = 0; // those
  std::uint64_t without_row_count = 0;
  std::uint64_t without_result_count = 0;
  std::uint64_t too_young = 0; // rows without a result that are younger than `older_than`
  std::vector<result_difference> differences;
  std::vector<without_row> without_rows;
  std::vector<posting> without_results;

  // Whether a result was compared with a row at all: without one the report proves nothing.
  bool compares() const noexcept { return agreed + differing > 0; }

  // Nothing speaks against the shadow, and something for it: all results agree.
  bool agrees() const noexcept {
    return agreed > 0 && differing + without_row_count + without_result_count + unreadable == 0;
  }
};

// Keeps 8 bytes for each result. Waits; throws std::runtime_error.
shadow_report compare_all(ledger_reader& ledger, broker& nats,
                          const shadow_report_options& options);

std::string report_table(const shadow_report& report, const currency_table& currencies);
std::string report_json(const shadow_report& report, const currency_table& currencies);

} // namespace ledgerd
