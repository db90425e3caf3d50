#include "app/repair/result_preview.hpp"

#include <string_view>
#include <utility>
#include <variant>

namespace ledgerd {

namespace {

expected_verdict parked_for(dead_reason reason, std::string detail) {
  return {.what = expectation::parked,
          .reason = std::string(to_text(reason)),
          .detail = std::move(detail)};
}

std::string of_record(record_id id, std::string_view rest) {
  return "field \"recordId\": record " + std::to_string(to_int(id)) + " " + std::string(rest);
}

// Whether the verdict is that of an earlier life of the account database.
bool is_older(const record_verdict& told, const record_reader::audited_record& stored) {
  return stored.after_transaction && told.transaction <= *stored.after_transaction
         && told.processed_at < stored.row.created_at;
}

bool says_the_same(const record_verdict& told, const transaction_record& row) {
  return row.asked == told.decided && row.status == told.status && row.reason == told.reason
         && row.transaction == told.transaction && row.balance_after == told.balance_after;
}

} // namespace

void result_preview::want(const dead_letter& letter) {
  if (currencies_ == nullptr || !target_of(letter).is_result)
    return;
  const auto decoded = decode_result(letter.message.payload, *currencies_);
  if (const auto* told = std::get_if<record_verdict>(&decoded);
      told != nullptr && !records_.contains(told->id))
    wanted_.insert(told->id);
}

std::vector<record_id> result_preview::take_wanted() {
  std::vector<record_id> result(wanted_.begin(), wanted_.end());
  wanted_.clear();
  return result;
}

void result_preview::learn(record_id id, std::optional<record_reader::audited_record> stored) {
  records_.emplace(id, std::move(stored));
}

expected_verdict result_preview::judge(const dead_letter& letter) {
  if (currencies_ == nullptr)
    return {.what = expectation::result};
  const auto decoded = decode_result(letter.message.payload, *currencies_);
  if (const auto* why = std::get_if<rejection>(&decoded))
    return parked_for(why->reason, why->detail);
  const auto& told = std::get<record_verdict>(decoded);
  const auto known = records_.find(told.id);
  if (known == records_.end())
    return {.what = expectation::result};
  return judge_known(told, known->second, has_account_mark(letter.message.headers));
}

expected_verdict result_preview::judge_known(const record_verdict& told, stored_record& stored,
                                             bool marked) {
  // Without the mark it is of another producer's request, and is passed over.
  if (!stored)
    return marked
               ? parked_for(dead_reason::unknown_record, "field \"recordId\": there is no record "
                                                             + std::to_string(to_int(told.id)))
               : expected_verdict{.what = expectation::result};
  auto& row = stored->row;
  const bool is_answer = row.asked == told.decided && !is_older(told, *stored);
  if (row.status == record_status::pending ? !is_answer : row.reason == reason_record_id_conflict)
    return parked_for(dead_reason::unknown_record,
                      of_record(told.id, "asked for something else than this result answers"));
  if (row.status == record_status::pending) { // the next one finds it settled
    row.status = told.status;
    row.reason = told.reason;
    row.transaction = told.transaction;
    row.balance_after = told.balance_after;
  }
  if (says_the_same(told, row))
    return {.what = expectation::result};
  return parked_for(dead_reason::contrary_verdict,
                    of_record(told.id, "is " + std::string(to_text(row.status))
                                           + " by another verdict: one of the two is false"));
}

} // namespace ledgerd
