#include "actors/ledger/shadow_book.hpp"

#include <algorithm>

namespace ledgerd {

namespace {

constexpr std::size_t parked_max = 10000;

std::int64_t age_ms(std::int64_t stored_at_ns) {
  if (stored_at_ns == 0)
    return 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(
      now - std::chrono::nanoseconds{stored_at_ns});
  return std::max<std::int64_t>(0, age.count());
}

} // namespace

void shadow_book::note(const shadow_notes::taken& done, time_point now) {
  reached_ns_ = done.reached_ns;
  pulled_at_ = done.pulled_at;
  counters_.lost += static_cast<std::int64_t>(done.lost);
  for (const auto id : done.decided) {
    if (const auto waits = results_.find(id); waits != results_.end())
      waits->second.look = true;
    else if (!answered_.contains(id) && open_rows_.insert(id).second)
      rows_.emplace_back(now, id);
  }
  for (; rows_.size() > options_.rows_max; rows_.pop_front())
    counters_.lost += static_cast<std::int64_t>(open_rows_.erase(rows_.front().second));
  for (const auto& [id, reason] : done.parked)
    if (parked_.insert_or_assign(id, reason).second)
      parked_order_.push_back(id);
  for (; parked_order_.size() > parked_max; parked_order_.pop_front())
    parked_.erase(parked_order_.front());
}

void shadow_book::told(told_result&& result, time_point now) {
  const auto id = result.record;
  if (to_int(id) == 0) {
    ++counters_.unreadable;
    return;
  }
  const auto bytes = result.payload.size();
  if (results_.try_emplace(id, waiting_result{std::move(result), now}).second)
    bytes_ += bytes;
}

capacity shadow_book::room() const noexcept {
  if (results_.size() >= options_.results_max || bytes_ >= options_.bytes_max)
    return {0, 0};
  return {options_.results_max - results_.size(), options_.bytes_max - bytes_};
}

// The shadow has gone past the moment at which the result was stored, or rests: what it has not
// decided by now it will not.
bool shadow_book::is_hopeless(const waiting_result& one, time_point now) const {
  if (now - one.since < options_.settling)
    return false;
  return reached_ns_ > one.result.stored_at_ns
         || now - std::max(one.since, pulled_at_) > options_.patience;
}

std::vector<record_id> shadow_book::sought(std::size_t at_most, time_point now) {
  asked_.clear();
  for (auto& [id, one] : results_) {
    if (asked_.size() == at_most)
      break;
    if (!one.look && is_hopeless(one, now))
      one.look = one.last = true;
    if (one.look)
      asked_.push_back(id);
  }
  // An account's results in their order, or what follows from what cannot be told.
  std::sort(asked_.begin(), asked_.end(), [this](record_id a, record_id b) {
    return results_.at(a).result.seq < results_.at(b).result.seq;
  });
  return asked_;
}

std::vector<result_difference> shadow_book::found(const std::vector<posting>& rows) {
  std::unordered_map<record_id, const posting*> by_id;
  for (const auto& row : rows)
    by_id.emplace(row.record, &row);
  std::vector<result_difference> differences;
  for (const auto id : std::exchange(asked_, {})) {
    const auto waits = results_.find(id);
    if (const auto row = by_id.find(id); row != by_id.end()) {
      if (auto one = comparison_.compare(waits->second.result, *row->second))
        differences.push_back(*std::move(one));
      forget_row(id);
      forget_result(waits);
      remember_answered(id);
    } else if (waits->second.last) {
      give_up(id);
      forget_result(waits);
    } else {
      waits->second.look = false;
    }
  }
  return differences;
}

// What was parked may have been decided before, under another content, or after it was mended: only
// now it is sure that there is no row.
void shadow_book::give_up(record_id id) {
  if (const auto parked = parked_.find(id); parked != parked_.end()) {
    ++counters_.parked_here;
    parked_here_.emplace_back(id, parked->second);
  } else {
    ++counters_.foreign;
  }
}

void shadow_book::remember_answered(record_id id) {
  if (answered_.insert(id).second)
    answered_order_.push_back(id);
  for (; answered_order_.size() > options_.rows_max; answered_order_.pop_front())
    answered_.erase(answered_order_.front());
}

void shadow_book::again() {
  asked_.clear();
}

void shadow_book::forget_row(record_id id) {
  open_rows_.erase(id);
  while (!rows_.empty() && !open_rows_.contains(rows_.front().second))
    rows_.pop_front();
}

void shadow_book::forget_result(results::iterator which) {
  bytes_ -= which->second.result.payload.size();
  results_.erase(which);
}

std::vector<std::pair<record_id, std::string>> shadow_book::take_parked_here() {
  return std::exchange(parked_here_, {});
}

std::pair<std::size_t, record_id> shadow_book::unanswered(time_point now) const {
  std::pair<std::size_t, record_id> result{0, {}};
  for (const auto& [since, id] : rows_) {
    if (now - since < options_.patience)
      break;
    if (open_rows_.contains(id) && result.first++ == 0)
      result.second = id;
  }
  return result;
}

shadow_numbers shadow_book::numbers(time_point now) const {
  return {counters_,
          {.agreed = static_cast<std::int64_t>(comparison_.agreed()),
           .differing = static_cast<std::int64_t>(comparison_.differing()),
           .carried = static_cast<std::int64_t>(comparison_.carried())},
          {.results_waiting = results_.size(),
           .rows_unanswered = unanswered(now).first,
           .accounts_off = comparison_.accounts_off(),
           .behind_ms = age_ms(reached_ns_)}};
}

} // namespace ledgerd
