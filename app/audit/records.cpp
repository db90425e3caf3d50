#include "app/audit/records.hpp"

#include <string>
#include <unordered_map>

#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t part_size = 5000;

std::string record_text(const transaction_record& record) {
  return "record " + std::to_string(to_int(record.id));
}

bool same_content(const submission& asked, const posting& row) noexcept {
  return asked.account == row.account && asked.type == row.type && asked.amount == row.amount;
}

// Both signs, as where verdicts are taken: clocks differ, and a ledger that was restored counts
// again.
bool is_older(const posting& row, const record_reader::audited_record& record) noexcept {
  return record.after_transaction && row.id <= *record.after_transaction
         && row.created_at < record.row.created_at;
}

// What the record has to say once its verdict is the row's.
bool agrees(const transaction_record& record, const posting& row) {
  const auto status =
      row.verdict == outcome::applied ? record_status::success : record_status::failed;
  return record.status == status && record.transaction == row.id
         && record.balance_after == row.balance_after && record.reason == reason_text(row.verdict);
}

// Nothing moved, and there is no row: its request is a dead letter, or was one that somebody has
// discarded.
bool has_failed_parked(const transaction_record& record) {
  return record.status == record_status::failed && !record.transaction
         && record.reason != reason_record_id_conflict && is_parking_reason(record.reason);
}

} // namespace

void record_audit::check(const std::vector<record_reader::audited_record>& records,
                         const std::vector<audited_posting>& rows) {
  std::unordered_map<std::int64_t, const posting*> by_record;
  for (const auto& each : rows)
    by_record.emplace(to_int(each.row.record), &each.row);
  for (const auto& each : records) {
    const auto found = by_record.find(to_int(each.row.id));
    check_one(each, found == by_record.end() ? nullptr : found->second);
  }
}

void record_audit::check_one(const record_reader::audited_record& audited, const posting* row) {
  const auto& record = audited.row;
  ++records_;
  const auto& asked = record.asked;
  if (audited.stored_fingerprint != fingerprint(asked.account, asked.type, asked.amount))
    findings_.add(finding_kind::record_fingerprint,
                  record_text(record) + ": the checksum is not that of its content");
  if (record.status == record_status::pending) {
    ++pending_;
    if (!live_ || (row != nullptr && to_int(row->created_at) < late_before_us_))
      findings_.add(finding_kind::record_pending,
                    record_text(record) + " has no verdict"
                        + (row == nullptr ? "" : ", yet the ledger has decided it"));
    return;
  }
  if (row != nullptr && record.transaction == row->id && is_older(*row, audited))
    return findings_.add(finding_kind::verdict_before_record,
                         record_text(record) + " has the verdict of transaction "
                             + std::to_string(to_int(row->id))
                             + ", which the ledger made before the record was there: nothing moved "
                               "for it");
  if (row == nullptr && has_failed_parked(record))
    return;
  const bool conflict = record.reason == reason_record_id_conflict;
  if (row == nullptr)
    findings_.add(finding_kind::record_without_posting,
                  record_text(record) + " has a verdict, yet the ledger has no row for it");
  else if (conflict == same_content(asked, *row) || (!conflict && !agrees(record, *row)))
    findings_.add(finding_kind::record_differs, record_text(record)
                                                    + " does not say what the ledger's transaction "
                                                    + std::to_string(to_int(row->id)) + " says");
}

void audit_records(record_reader& records, ledger_reader& ledger, record_audit& into,
                   record_id last, const std::function<void(record_id)>& read) {
  for (;;) {
    const auto part = records.after(last, part_size);
    if (part.empty())
      return;
    std::vector<record_id> ids;
    ids.reserve(part.size());
    for (const auto& each : part)
      ids.push_back(each.row.id);
    into.check(part, ledger.find_all(ids));
    last = ids.back();
    read(last);
  }
}

} // namespace ledgerd
