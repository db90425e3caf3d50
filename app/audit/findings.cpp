#include "app/audit/findings.hpp"

#include <utility>

namespace ledgerd {

std::string_view to_text(finding_kind kind) noexcept {
  switch (kind) {
#define LEDGERD_NAME(kind)                                                                         \
  case finding_kind::kind:                                                                         \
    return #kind;
    LEDGERD_NAME(record_id_twice)
    LEDGERD_NAME(invalid_row)
    LEDGERD_NAME(unknown_currency)
    LEDGERD_NAME(chain_gap)
    LEDGERD_NAME(wrong_decision)
    LEDGERD_NAME(wrong_balance)
    LEDGERD_NAME(wrong_fingerprint)
    LEDGERD_NAME(account_differs)
    LEDGERD_NAME(account_without_postings)
    LEDGERD_NAME(posting_without_account)
    LEDGERD_NAME(rows_lost)
    LEDGERD_NAME(not_conserved)
    LEDGERD_NAME(posting_without_result)
    LEDGERD_NAME(result_without_posting)
    LEDGERD_NAME(result_differs)
    LEDGERD_NAME(copies_differ)
    LEDGERD_NAME(result_malformed)
    LEDGERD_NAME(posting_without_request)
    LEDGERD_NAME(request_unanswered)
    LEDGERD_NAME(conflict_not_parked)
    LEDGERD_NAME(dead_letter_malformed)
    LEDGERD_NAME(dead_letter_differs)
    LEDGERD_NAME(dead_letter_unfounded)
    LEDGERD_NAME(record_pending)
    LEDGERD_NAME(record_without_posting)
    LEDGERD_NAME(record_differs)
    LEDGERD_NAME(record_fingerprint)
    LEDGERD_NAME(posting_without_record)
    LEDGERD_NAME(verdict_before_record)
    LEDGERD_NAME(contrary_verdict)
    LEDGERD_NAME(not_settled)
    LEDGERD_NAME(deleted_unread)
    LEDGERD_NAME(stream_missing)
#undef LEDGERD_NAME
  }
  return {};
}

std::optional<finding_kind> parse_finding_kind(std::string_view text) noexcept {
  for (auto kind = finding_kind{}; !to_text(kind).empty();
       kind = static_cast<finding_kind>(static_cast<int>(kind) + 1))
    if (to_text(kind) == text)
      return kind;
  return std::nullopt;
}

void finding_list::restore(std::map<finding_kind, std::uint64_t> counts,
                           std::vector<finding> listed) {
  counts_ = std::move(counts);
  listed_ = std::move(listed);
}

void finding_list::add(finding_kind kind, std::string detail) {
  if (++counts_[kind] <= listed_max_)
    listed_.push_back({kind, std::move(detail)});
}

} // namespace ledgerd
