#include "app/import/importer.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>

#include "domain/opening.hpp"
#include "domain/plan.hpp"

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;

std::vector<const balance_row*> pointers_to(const std::vector<balance_row>& rows) {
  std::vector<const balance_row*> result;
  result.reserve(rows.size());
  for (const auto& row : rows)
    result.push_back(&row);
  return result;
}

} // namespace

// An account without an opening row has begun at zero. That its balance is the file's by now does
// not say that the file's is in it.
void importer::judge(const balance_row& asked, const present_account& present,
                     import_result& result) const {
  std::optional<money> opened_with;
  if (present.first && is_opening(*present.first))
    opened_with = present.first->amount;
  if (opened_with.value_or(money{}) == asked.balance)
    ++(asked.balance == money{} ? result.zero : result.known);
  else
    result.refused.push_back({asked, present.head, opened_with});
}

// Counts those that need nothing or are refused; returns the others.
std::vector<importer::opening> importer::sort_out(const std::vector<const balance_row*>& rows,
                                                  import_result& result) {
  std::vector<opening> to_open;
  for (std::size_t begin = 0; begin < rows.size(); begin += options_.batch_max) {
    const auto end = std::min(begin + options_.batch_max, rows.size());
    std::vector<account_key> asked;
    for (auto i = begin; i < end; ++i)
      asked.push_back(rows[i]->account);
    std::unordered_map<account_key, present_account, account_key_hash> there;
    for (auto& one : finder_.find(asked)) {
      auto key = one.account;
      there.emplace(std::move(key), std::move(one));
    }
    for (auto i = begin; i < end; ++i) {
      const auto found = there.find(rows[i]->account);
      if (found != there.end())
        judge(*rows[i], found->second, result);
      else if (rows[i]->balance == money{})
        ++result.zero;
      else
        to_open.push_back({rows[i]});
    }
  }
  return to_open;
}

import_result importer::compare(const std::vector<balance_row>& rows) {
  import_result result;
  result.left = sort_out(pointers_to(rows), result).size();
  return result;
}

import_result importer::run(const std::vector<balance_row>& rows) {
  import_result result;
  const auto to_open = sort_out(pointers_to(rows), result);
  result.left = to_open.size();
  if (!result.refused.empty())
    return result;
  moved_at_ = clock::now();
  for (std::size_t begin = 0; begin < to_open.size(); begin += options_.batch_max) {
    const auto from = to_open.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto size = std::min(options_.batch_max, to_open.size() - begin);
    std::vector<opening> batch(from, from + static_cast<std::ptrdiff_t>(size));
    if (!work_off(batch, result))
      break;
    if (options_.opened)
      options_.opened(result.opened);
  }
  // Between the comparison and the posting somebody else opened them: an import, or a movement.
  if (!taken_.empty())
    result.left += sort_out(std::exchange(taken_, {}), result).size();
  if (result.left > 0)
    result.failure = std::move(failure_);
  return result;
}

// Until nothing is left of the batch. False: stopped, or given up.
bool importer::work_off(std::vector<opening>& batch, import_result& result) {
  waits_for_.clear();
  while (!batch.empty()) {
    if (options_.stopped())
      return false;
    switch (post(batch, result)) {
    case attempt_end::goes_on:
    case attempt_end::held_up:
      break;
    case attempt_end::refused:
      return work_off_each(batch, result);
    case attempt_end::given_up:
      return false;
    }
  }
  return true;
}

// The database refuses the batch and names nobody, or somebody is locked: posted alone each account
// answers for itself, and those that are locked let the others go first. Where it takes none of
// many, the table is at fault rather than they, and the rest is left.
bool importer::work_off_each(std::vector<opening>& batch, import_result& result) {
  const auto refused_before = result.refused.size();
  const auto asked = batch.size();
  while (!batch.empty()) {
    std::vector<opening> one{batch.front()};
    const auto end = options_.stopped() ? attempt_end::given_up : post(one, result);
    if (end == attempt_end::given_up)
      return false;
    batch.erase(batch.begin());
    if (end == attempt_end::refused) {
      result.refused.push_back({*one.front().row, {}, std::nullopt, refusal_});
      --result.left;
    } else {
      batch.insert(end == attempt_end::held_up ? batch.end() : batch.begin(), one.begin(),
                   one.end());
    }
  }
  if (asked == 1 || result.refused.size() - refused_before < asked)
    return true;
  failure_ = refusal_;
  return false;
}

// One attempt; what is done leaves the batch. Refused: several are to be posted alone. Held up: the
// only one is locked. Given up: it has been tried for long enough.
importer::attempt_end importer::post(std::vector<opening>& batch, import_result& result) {
  posting_batch asked;
  for (const auto& [row, attempt] : batch) {
    asked.entries.push_back(
        {make_opening(row->account, row->balance, attempt), asked.heads.size()});
    asked.heads.push_back({row->account, account_head{}});
  }
  auto answered = store_.post(asked);
  if (const auto* failure = std::get_if<store_failure>(&answered))
    return take_failure(*failure, batch, result);
  moved_at_ = clock::now();
  take_answers(std::get<posted>(answered).answers, batch, result);
  return attempt_end::goes_on;
}

importer::attempt_end importer::take_failure(const store_failure& failure,
                                             std::vector<opening>& batch, import_result& result) {
  const bool blocked = failure.kind == store_failure_kind::blocked;
  if (failure.kind == store_failure_kind::rejected && !failure.culprits.empty()) {
    moved_at_ = clock::now();
    auto culprits = failure.culprits;
    result.left -= culprits.size();
    std::sort(culprits.begin(), culprits.end(), std::greater<>{});
    for (const auto place : culprits) {
      taken_.push_back(batch[place].row);
      batch.erase(batch.begin() + static_cast<std::ptrdiff_t>(place));
    }
    return attempt_end::goes_on;
  }
  if (failure.kind == store_failure_kind::rejected || (blocked && failure.refused)) {
    moved_at_ = clock::now();
    refusal_ = failure.detail;
    return attempt_end::refused;
  }
  if (blocked && batch.size() > 1)
    return attempt_end::refused;
  const auto& [user, currency] = batch.front().row->account;
  const auto why =
      (blocked ? user + "/" + std::string{currency.text()} + ": " : "") + failure.detail;
  if (clock::now() - moved_at_ > options_.patience) {
    failure_ = why;
    return attempt_end::given_up;
  }
  if (waits_for_.insert(why).second && options_.waits)
    options_.waits(why);
  std::this_thread::sleep_for(options_.pause);
  return blocked ? attempt_end::held_up : attempt_end::goes_on;
}

void importer::take_answers(const std::vector<answer>& answers, std::vector<opening>& batch,
                            import_result& result) {
  std::vector<opening> again;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto& [row, attempt] = batch[i];
    switch (answers[i].verdict) {
    case outcome::applied:
      ++result.opened;
      break;
    case outcome::duplicate:
      ++result.known;
      break;
    case outcome::conflict:
      if (answers[i].stored.account == row->account)
        taken_.push_back(row);
      else if (attempt + 1 < opening_ids_max)
        again.push_back({row, attempt + 1});
      else
        result.refused.push_back(
            {*row, {}, std::nullopt, "all record ids of this account are taken by others"});
      break;
    case outcome::insufficient_funds:
    case outcome::balance_overflow:
      throw std::logic_error{"an opening row was refused"};
    }
  }
  result.left -= batch.size() - again.size();
  batch = std::move(again);
}

} // namespace ledgerd
