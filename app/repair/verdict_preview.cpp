#include "app/repair/verdict_preview.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "app/base/text.hpp"
#include "domain/plan.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

expected_verdict no_message(std::string why) {
  expected_verdict result;
  result.detail = std::move(why);
  return result;
}

// A sum that cannot be said is larger than any balance.
money sum_of(money x, money y) {
  return checked_add(x, y).value_or(money{INT64_MAX});
}

bool is_subject_of_movement(std::string_view subject, bool result) {
  for (const auto& route : movement_routes)
    if (subject == (result ? route.result : route.request))
      return true;
  return false;
}

} // namespace

std::string_view to_text(expectation what) noexcept {
  switch (what) {
  case expectation::success:
    return "SUCCESS";
  case expectation::failed:
    return "FAILED";
  case expectation::duplicate:
    return "DUPLICATE";
  case expectation::parked:
    return "PARKED";
  case expectation::ended:
    return "ENDED";
  case expectation::result:
    return "RESULT";
  case expectation::unknown:
    return "UNKNOWN";
  case expectation::none:
    break;
  }
  return "NONE";
}

letter_target target_of(const dead_letter& letter) {
  if (letter.full_bytes)
    return {{},
            false,
            "its payload was cut; the original has the sequence number " + letter.sequence
                + " in stream " + letter.stream};
  const bool is_result = letter.stream == names::result_stream;
  if (!is_subject_of_movement(letter.subject, is_result))
    return {{},
            false,
            "header Ledgerd-Subject: must name the subject of a request or result, not `"
                + shorten(letter.subject, 200) + "`"};
  if (is_result && !record_in_payload(letter.message.payload))
    return {{},
            false,
            "field \"recordId\": a result is published under the id of its record, and this one "
            "names none"};
  return {letter.subject, is_result, {}};
}

void verdict_preview::want(const dead_letter& letter) {
  const auto target = target_of(letter);
  if (!with_ledger_ || currencies_ == nullptr || !target.fault.empty() || target.is_result)
    return;
  const auto decoded = decode_entry(target.subject, letter.message.payload, *currencies_, rules_);
  const auto* asked = std::get_if<entry>(&decoded);
  if (asked == nullptr)
    return;
  if (!known_records_.contains(asked->id))
    wanted_records_.insert(asked->id);
  if (!known_users_.contains(asked->account.user_id))
    wanted_users_.insert(asked->account.user_id);
}

std::vector<record_id> verdict_preview::take_wanted_records() {
  std::vector<record_id> result(wanted_records_.begin(), wanted_records_.end());
  known_records_.merge(wanted_records_);
  wanted_records_.clear();
  return result;
}

std::vector<std::string> verdict_preview::take_wanted_users() {
  std::vector<std::string> result(wanted_users_.begin(), wanted_users_.end());
  known_users_.merge(wanted_users_);
  wanted_users_.clear();
  return result;
}

void verdict_preview::learn(const posting& stored) {
  postings_.emplace(stored.record, stored);
}

void verdict_preview::learn(const account_row& account) {
  heads_.emplace(account.account, account.head);
}

expected_verdict verdict_preview::judge(const dead_letter& letter) {
  auto target = target_of(letter);
  if (!target.fault.empty())
    return no_message(std::move(target.fault));
  return target.is_result ? expected_verdict{.what = expectation::result} : judge_request(letter);
}

expected_verdict verdict_preview::judge_request(const dead_letter& letter) {
  // Money that moves now would move for a record whose caller was told that it does not.
  const auto has_ended = [&letter](const std::optional<record_id>& record) {
    return letter.account_record && letter.account_record == record;
  };
  constexpr auto ended = "its record on the account side has ended as FAILED and stays so";
  if (currencies_ == nullptr) {
    if (!has_ended(record_in_payload(letter.message.payload)))
      return {.what = expectation::unknown};
    return {.what = force_ ? expectation::unknown : expectation::ended, .detail = ended};
  }
  auto decoded = decode_entry(letter.subject, letter.message.payload, *currencies_, rules_);
  if (auto* why = std::get_if<rejection>(&decoded))
    return {.what = expectation::parked,
            .reason = std::string(ledgerd::to_text(why->reason)),
            .detail = std::move(why->detail)};
  const auto& asked = std::get<entry>(decoded);
  const auto known = postings_.find(asked.id);
  expected_verdict result{.what = expectation::unknown};
  if (known != postings_.end()) {
    result = decided_before(asked, known->second);
  } else {
    if (has_ended(asked.id) && !force_)
      result.what = expectation::ended;
    else if (with_ledger_)
      result = decide_new(asked);
    if (has_ended(asked.id))
      result.detail = ended;
  }
  result.asked = asked;
  return result;
}

void verdict_preview::settle() {
  open_.clear();
  open_records_.clear();
}

std::string verdict_preview::amount_text(money amount, const account_key& account) const {
  return format_amount(amount, currencies_->exponent(account.currency).value_or(0));
}

expected_verdict verdict_preview::decided_before(const entry& asked, const posting& stored) {
  if (same_content(asked, stored))
    return {.what = expectation::duplicate,
            .reason = std::string(reason_text(stored.verdict)),
            .balance_after = amount_text(stored.balance_after, asked.account)};
  // The other way round the first of the two would be the one that is parked.
  const bool waits = open_records_.contains(asked.id);
  if (waits)
    settle();
  return {.what = expectation::parked,
          .reason = std::string(ledgerd::to_text(dead_reason::record_id_conflict)),
          .detail = "field \"recordId\": is taken by a request with other content",
          .waits = waits};
}

expected_verdict verdict_preview::decide_new(const entry& asked) {
  auto& head = heads_[asked.account];
  const auto before = head.balance;
  const auto [verdict, balance_after] = decide(before, asked.type, asked.amount);
  bool waits = false;
  if (const auto open = open_.find(asked.account);
      open != open_.end() && !joins(asked, verdict, open->second)) {
    waits = true;
    settle();
  }
  if (const auto [open, is_first] =
          open_.try_emplace(asked.account, open_account{.before = before});
      is_first)
    joins(asked, verdict, open->second); // alone it depends on nothing
  open_records_.insert(asked.id);
  head = {balance_after, head.seq + 1};
  known_records_.insert(asked.id);
  postings_.emplace(asked.id, posting{.record = asked.id,
                                      .account = asked.account,
                                      .seq = head.seq,
                                      .type = asked.type,
                                      .amount = asked.amount,
                                      .verdict = verdict,
                                      .balance_after = balance_after});
  return {.what = verdict == outcome::applied ? expectation::success : expectation::failed,
          .reason = std::string(reason_text(verdict)),
          .balance_after = amount_text(balance_after, asked.account),
          .waits = waits};
}

// Adds the entry. False when the verdicts of these entries depend on the order in which they are
// decided. In every order the balance is at least what all withdrawals leave of the one before, and
// at most what all deposits make of it.
bool verdict_preview::joins(const entry& asked, outcome verdict, open_account& open) {
  if (verdict == outcome::balance_overflow)
    open.overflowed = true;
  else if (verdict == outcome::insufficient_funds)
    open.least_refused = std::min(open.least_refused.value_or(asked.amount), asked.amount);
  else if (asked.type == movement::deposit)
    open.deposits = sum_of(open.deposits, asked.amount);
  else
    open.withdrawals = sum_of(open.withdrawals, asked.amount);
  const auto most = checked_add(open.before, open.deposits);
  return most && !open.overflowed && open.withdrawals <= open.before
         && (!open.least_refused || *open.least_refused > *most);
}

} // namespace ledgerd
