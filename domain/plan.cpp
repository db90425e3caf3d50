#include "domain/plan.hpp"

#include <memory_resource>
#include <utility>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

// Where each record id of the batch stands first. The nodes come from one buffer: a batch has
// thousands.
using first_places = std::pmr::unordered_map<record_id, std::size_t>;

std::size_t entry_count(const std::vector<posting_group>& groups) noexcept {
  std::size_t result = 0;
  for (const auto& group : groups)
    result += group.entries.size();
  return result;
}

outcome repeated(const entry& asked, const posting& stored) noexcept {
  return same_content(asked, stored) ? outcome::duplicate : outcome::conflict;
}

// Decides a new entry on the account's head and moves the head.
posting next_row(const entry& asked, account_head& head) {
  const auto [verdict, balance_after] = decide(head.balance, asked.type, asked.amount);
  head.balance = balance_after;
  ++head.seq;
  return posting{.record = asked.id,
                 .account = asked.account,
                 .seq = head.seq,
                 .type = asked.type,
                 .amount = asked.amount,
                 .verdict = verdict,
                 .balance_after = balance_after};
}

void plan_group(const posting_group& group, const known_postings& known, first_places& places,
                batch_plan& result) {
  LEDGERD_ASSERT(group.head.has_value());
  LEDGERD_ASSERT(group.head->seq >= 0 && group.head->balance >= money{});
  auto& answer_list = result.groups.emplace_back();
  auto& rows_of_answers = result.answered_by.emplace_back();
  answer_list.head = *group.head;
  answer_list.answers.resize(group.entries.size());
  rows_of_answers.assign(group.entries.size(), batch_plan::no_row);
  for (std::size_t i = 0; i < group.entries.size(); ++i) {
    const auto& asked = group.entries[i];
    auto& answered = answer_list.answers[i];
    LEDGERD_ASSERT(asked.account == group.account);
    if (const auto found = known.find(asked.id); found != known.end()) {
      answered = {repeated(asked, found->second), found->second};
      continue;
    }
    const auto [place, is_new] = places.try_emplace(asked.id, result.rows.size());
    if (is_new)
      answered.verdict = result.rows.emplace_back(next_row(asked, answer_list.head)).verdict;
    else
      answered.verdict = repeated(asked, result.rows[place->second]);
    rows_of_answers[i] = place->second;
  }
}

constexpr bool is_repeated(outcome verdict) noexcept {
  return verdict == outcome::duplicate || verdict == outcome::conflict;
}

} // namespace

decision decide(money balance, movement type, money amount) noexcept {
  LEDGERD_ASSERT(amount > money{} && balance >= money{});
  if (type == movement::withdrawal) {
    if (amount > balance)
      return {outcome::insufficient_funds, balance};
    return {outcome::applied, money{balance.minor_units() - amount.minor_units()}};
  }
  const auto sum = checked_add(balance, amount);
  if (!sum)
    return {outcome::balance_overflow, balance};
  return {outcome::applied, *sum};
}

batch_plan plan(const std::vector<posting_group>& groups, const known_postings& known) {
  const auto count = entry_count(groups);
  std::pmr::monotonic_buffer_resource memory(64 + count * 48);
  first_places places(count, &memory);
  batch_plan result;
  result.rows.reserve(count);
  result.groups.reserve(groups.size());
  result.answered_by.reserve(groups.size());
  for (const auto& group : groups)
    plan_group(group, known, places, result);
  return result;
}

std::vector<group_answer> complete(batch_plan&& planned) {
  LEDGERD_ASSERT(planned.groups.size() == planned.answered_by.size());
  // Backwards, so that an entry's repetitions copy the row before its first place takes it away.
  for (auto group = planned.groups.size(); group-- > 0;) {
    auto& answers = planned.groups[group].answers;
    const auto& rows_of_answers = planned.answered_by[group];
    LEDGERD_ASSERT(answers.size() == rows_of_answers.size());
    for (auto i = answers.size(); i-- > 0;) {
      if (rows_of_answers[i] == batch_plan::no_row)
        continue;
      auto& row = planned.rows[rows_of_answers[i]];
      if (is_repeated(answers[i].verdict))
        answers[i].stored = row;
      else
        answers[i].stored = std::move(row);
    }
  }
  return std::move(planned.groups);
}

} // namespace ledgerd
