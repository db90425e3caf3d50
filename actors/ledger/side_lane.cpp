#include "actors/ledger/side_lane.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "actors/ledger/gate_batch.hpp"
#include "domain/assert.hpp"
#include "domain/backoff.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t relapses_max = 1000;
constexpr unsigned doublings_max = 6;

// A part that takes no longer is quick.
std::chrono::microseconds quick_bound(std::size_t entries) {
  return std::chrono::milliseconds{25} + std::chrono::milliseconds{1} * entries;
}

// Cuts the first entries off. Their ledger hears only of the last part, and only the first part
// knows the head; the others learn it from the part before.
ledger_group cut_front(ledger_group& from, std::size_t count) {
  auto& entries = from.entries;
  const auto cut = entries.begin() + static_cast<std::ptrdiff_t>(count);
  ledger_group front{{},
                     from.account,
                     std::exchange(from.head, std::nullopt),
                     {std::make_move_iterator(entries.begin()), std::make_move_iterator(cut)}};
  entries.erase(entries.begin(), cut);
  return front;
}

} // namespace

std::string_view to_text(trouble why) noexcept {
  switch (why) {
  case trouble::blocked:
    return "blocked";
  case trouble::slow:
    return "slow";
  case trouble::refused:
    return "refused";
  }
  return "";
}

bool side_lane::set_aside(const account_key& account, trouble why, time_point now) {
  const auto [at, is_new] = patients_.try_emplace(account);
  if (!is_new)
    return false;
  auto& whom = at->second;
  whom.why = why;
  whom.used = now;
  whom.part_max = options_.entries_max;
  const auto doublings = std::min(remember_relapse(account, now), doublings_max);
  whom.successes_wanted = options_.successes_wanted << doublings;
  return true;
}

void side_lane::add(ledger_group&& next, time_point now) {
  auto& whom = patients_.at(next.account);
  LEDGERD_ASSERT(!whom.has_work());
  whom.used = now;
  whom.since = now;
  whom.ledger = next.ledger;
  whom.rest = std::move(next);
}

std::optional<side_lane::time_point> side_lane::next_due() const {
  std::optional<time_point> result;
  for (const auto& [account, whom] : patients_)
    if (whom.has_work() && (!result || whom.due < *result))
      result = whom.due;
  return result;
}

gate_batch_ptr side_lane::take(time_point now) {
  LEDGERD_ASSERT(!current_);
  const auto later = [](const auto& a, const auto& b) {
    return std::pair{!a.second.has_work(), a.second.due}
           < std::pair{!b.second.has_work(), b.second.due};
  };
  const auto next = std::min_element(patients_.begin(), patients_.end(), later);
  if (next == patients_.end() || !next->second.has_work() || next->second.due > now)
    return nullptr;
  auto& whom = next->second;
  if (!whom.part) {
    whom.part = std::make_shared<gate_batch>();
    whom.part->formed = whom.since;
    if (whom.rest->entries.size() <= whom.part_max)
      add_group(*whom.part, *std::exchange(whom.rest, std::nullopt));
    else
      add_group(*whom.part, cut_front(*whom.rest, whom.part_max));
  }
  const auto lock = options_.lock_min * (1U << std::min(whom.failures, doublings_max));
  whom.part->limits = {std::min(lock, options_.lock_max), options_.statement, false};
  current_ = next->first;
  return whom.part;
}

bool side_lane::posted(account_head head, std::chrono::microseconds work, time_point now) {
  auto& whom = current_patient();
  const auto entries = whom.part->entries.size();
  const bool quick = work <= quick_bound(entries) && whom.failures == 0;
  whom.successes = quick ? whom.successes + 1 : 0;
  if (entries >= whom.part_max)
    whom.part_max = std::min(whom.part_max * 2, options_.entries_max);
  if (whom.rest)
    whom.rest->head = head;
  end_part(whom, now);
  if (whom.has_work() || whom.successes < whom.successes_wanted) {
    current_.reset();
    return false;
  }
  patients_.erase(*current_);
  current_.reset();
  return true;
}

void side_lane::refused(time_point now) {
  auto& whom = current_patient();
  whom.successes = 0;
  end_part(whom, now);
  current_.reset();
}

void side_lane::cut(time_point now) {
  auto& whom = current_patient();
  auto& part = *whom.part;
  LEDGERD_ASSERT(part.entries.size() > 1);
  whom.part_max = part.entries.size() / 2;
  whom.successes = 0;
  whom.due = now;
  auto whole = std::move(groups_of(std::move(part)).front());
  whole.ledger = whom.ledger;
  if (whom.rest)
    std::move(whom.rest->entries.begin(), whom.rest->entries.end(),
              std::back_inserter(whole.entries));
  whom.rest = std::move(whole);
  whom.part = nullptr;
  current_.reset();
}

std::chrono::milliseconds side_lane::again(time_point now) {
  auto& whom = current_patient();
  whom.successes = 0;
  whom.due = now + pause_after(whom.failures++);
  current_.reset();
  return std::chrono::duration_cast<std::chrono::milliseconds>(whom.due - now);
}

std::vector<ledger_actor> side_lane::forget_quiet(time_point now) {
  std::vector<ledger_actor> result;
  for (auto at = patients_.begin(); at != patients_.end();) {
    const auto& whom = at->second;
    if (whom.has_work() || now - whom.used < options_.quiet) {
      ++at;
      continue;
    }
    if (whom.ledger)
      result.push_back(whom.ledger);
    at = patients_.erase(at);
  }
  return result;
}

std::size_t side_lane::accounts_waiting() const {
  return static_cast<std::size_t>(std::count_if(
      patients_.begin(), patients_.end(), [](const auto& each) { return each.second.has_work(); }));
}

std::size_t side_lane::entries_waiting() const {
  std::size_t result = 0;
  for (const auto& [account, whom] : patients_)
    result += whom.entries();
  return result;
}

std::optional<side_lane::time_point> side_lane::oldest() const {
  std::optional<time_point> result;
  for (const auto& [account, whom] : patients_)
    if (whom.has_work() && (!result || whom.since < *result))
      result = whom.since;
  return result;
}

side_lane::patient& side_lane::current_patient() {
  LEDGERD_ASSERT(current_);
  return patients_.at(*current_);
}

void side_lane::end_part(patient& of, time_point now) {
  of.part = nullptr;
  of.failures = 0;
  of.used = now;
  of.due = now;
}

unsigned side_lane::remember_relapse(const account_key& account, time_point now) {
  const auto is_old = [&](const relapse& each) { return now - each.last > options_.memory; };
  if (relapses_.size() >= relapses_max)
    std::erase_if(relapses_, [&](const auto& each) { return is_old(each.second); });
  if (relapses_.size() >= relapses_max)
    relapses_.clear();
  auto& [count, last] = relapses_[account];
  if (count > 0 && now - last > options_.memory)
    count = 0;
  last = now;
  return count++;
}

std::chrono::milliseconds side_lane::pause_after(unsigned failures) {
  const auto longest = options_.pause_min * (1U << std::min(failures, doublings_max));
  return jittered(std::min(longest, options_.pause_max), random_);
}

} // namespace ledgerd
