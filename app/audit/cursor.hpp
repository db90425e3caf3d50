// Where an audit is, kept in a folder while it runs, so that one that was interrupted goes on
// there.
//
// The folder belongs to one audit at a time, which holds a lock in it until it ends, however it
// ends, and to this program on this machine. Errors are std::runtime_error with the folder in them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "app/audit/findings.hpp"
#include "app/audit/ledger.hpp"
#include "app/audit/streams.hpp"
#include "domain/record.hpp"

namespace ledgerd {

// The parts of an audit in their order. Dead letters and what people have done to them are read
// again when one goes on.
enum class audit_phase : std::uint8_t { results, rows, requests, records, matching };

struct audit_place {
  std::string began; // RFC 3339
  audit_phase phase = audit_phase::results;
  bool live = false;
  // Requests, results, dead letters, as they were when it began.
  std::array<stream_state, 3> streams;
  std::array<std::int64_t, 3> first_stored_at_ns{};
  std::uint64_t last_letter = 0; // sequences: judged up to here,
  std::uint64_t next_result = 0; // and to be read
  std::uint64_t next_request = 0;
  record_id last_record{};
  std::uint64_t records = 0;
  std::uint64_t pending = 0;
  ledger_audit::place chains;
  stream_audit::place messages;
};

class audit_cursor {
public:
  // Makes the folder when it is missing, and locks it; an error when another audit works with it.
  explicit audit_cursor(std::filesystem::path folder);
  ~audit_cursor();
  audit_cursor(const audit_cursor&) = delete;
  audit_cursor& operator=(const audit_cursor&) = delete;

  const std::filesystem::path& folder() const noexcept { return folder_; }

  // The place of an audit that was interrupted, and what it had found; nothing: begin.
  std::optional<audit_place> load(finding_list& findings) const;

  void save(const audit_place& place, const finding_list& findings) const;

  // The audit is over: the next begins anew.
  void clear() const;

private:
  std::filesystem::path file() const { return folder_ / "cursor.json"; }

  const std::filesystem::path folder_;
  const int lock_; // an open file
};

} // namespace ledgerd
