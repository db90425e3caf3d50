// Checks the account side's records against the ledger's rows, one to one.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "app/audit/findings.hpp"
#include "persistence/ledger_reader.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

class record_audit {
public:
  // While the daemon works (`live`), a record may still be without its verdict, for up to an hour
  // before `now_us` if the ledger has decided it. `findings` outlives this object.
  record_audit(bool live, finding_list& findings, std::int64_t now_us)
      : live_(live), findings_(findings), late_before_us_(now_us - 3'600'000'000) {}

  // Records, and the rows among their record ids that exist, in any order.
  void check(const std::vector<record_reader::audited_record>& records,
             const std::vector<audited_posting>& rows);

  std::uint64_t records() const noexcept { return records_; }
  std::uint64_t pending() const noexcept { return pending_; }

private:
  void check_one(const record_reader::audited_record& audited, const posting* row);

  const bool live_;
  finding_list& findings_;
  const std::int64_t late_before_us_;
  std::uint64_t records_ = 0;
  std::uint64_t pending_ = 0;
};

// Reads all records with an id above `last`, and for each part of them the ledger's rows; `read`
// hears the last id of each part. Waits; throws std::runtime_error.
void audit_records(record_reader& records, ledger_reader& ledger, record_audit& into,
                   record_id last, const std::function<void(record_id)>& read);

} // namespace ledgerd
