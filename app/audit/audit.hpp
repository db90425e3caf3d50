// The verb `audit`: proves on what the database and the streams really hold that nothing was lost
// and nothing was applied twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/audit/findings.hpp"
#include "app/audit/ledger.hpp"
#include "app/audit/streams.hpp"
#include "messaging/broker.hpp"
#include "persistence/ledger_reader.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

// How far back a stream still reached.
struct audited_stream {
  std::string_view name;
  stream_state state;
  std::int64_t first_stored_at_ns = 0; // 0: it holds nothing
};

struct audit_report {
  std::uint64_t accounts = 0;
  std::uint64_t applied = 0;
  std::uint64_t refused = 0;
  std::uint64_t results = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t requests = 0;
  std::uint64_t unproven = 0;      // see stream_audit
  std::uint64_t openings = 0;      // rows of an import, which nobody has requested
  std::uint64_t before_import = 0; // requests and results of another service
  bool has_records = false;        // the database has the account side's schema
  std::uint64_t records = 0;
  std::uint64_t pending = 0; // records without a verdict
  std::vector<audited_stream> streams;
  std::string resumed; // when the audit had begun that was interrupted; empty: it was not
  finding_list findings;

  // What the two have seen.
  void count(const ledger_audit& chains, const stream_audit& messages);
};

struct audit_run {
  // A folder that keeps where the audit is and what it has gathered, so that the same call goes on
  // after an interruption; empty: it begins anew each time.
  std::string cursor = {};
  // What is being read, and how much of how much; 0: not known. Often called.
  std::function<void(std::string_view, std::uint64_t, std::uint64_t)> progress = nullptr;
  // What may be kept in memory of rows, results and requests, in bytes; more goes to files.
  std::size_t memory_max = std::size_t{48} << 20;
};

// Reads everything once. Waits; throws std::runtime_error when a database, the broker or a file
// cannot be read or written. An interrupted audit that goes on while the streams have moved judges
// like one of a daemon at work.
audit_report run_audit(ledger_reader& ledger, record_reader& records, broker& nats,
                       const audit_rules& rules, const audit_run& how = {});

std::string audit_table(const audit_report& report);
std::string audit_json(const audit_report& report);

struct audit_options {
  audit_rules rules;
  audit_run how;
  bool json = false;
};

// Runs it and prints what it found on stdout. The exit code: 0 when all is well, else 1.
int audit(ledger_reader& ledger, record_reader& records, broker& nats,
          const audit_options& options);

} // namespace ledgerd
