#include "domain/plan.hpp"

#include <memory_resource>
#include <utility>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

// Where each record id of the batch stands first. The nodes come from one buffer: a batch has
// thousands.
using first_places = std::pmr::unordered_map<record_id, std::size_t>;

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

batch_plan plan(const posting_batch& batch, std::vector<account_head> heads,
                const known_postings& known) {
  LEDGERD_ASSERT(heads.size() == batch.heads.size());
  for (const auto& head : heads)
    LEDGERD_ASSERT(head.seq >= 0 && head.balance >= money{});
  const auto count = batch.entries.size();
  std::pmr::monotonic_buffer_resource memory(64 + count * 48);
  first_places places(count, &memory);
  batch_plan result;
  result.heads = std::move(heads);
  result.rows.reserve(count);
  result.answers.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [asked, head] = batch.entries[i];
    auto& answered = result.answers[i];
    LEDGERD_ASSERT(head < batch.heads.size() && asked.account == batch.heads[head].account);
    if (const auto found = known.find(asked.id); found != known.end()) {
      answered = {repeated(asked, found->second), found->second};
      continue;
    }
    const auto [place, is_first] = places.try_emplace(asked.id, result.rows.size());
    if (is_first) {
      answered.verdict = result.rows.emplace_back(next_row(asked, result.heads[head])).verdict;
    } else {
      answered.verdict = repeated(asked, result.rows[place->second]);
      result.repetitions.push_back({i, place->second});
    }
  }
  return result;
}

std::vector<answer> complete(batch_plan&& planned) {
  // Before the first places take their rows away.
  for (const auto& [place, row] : planned.repetitions)
    planned.answers[place].stored = planned.rows[row];
  auto next = planned.rows.begin();
  for (auto& each : planned.answers)
    if (is_new(each.verdict)) {
      LEDGERD_ASSERT(next != planned.rows.end());
      each.stored = std::move(*next++);
    }
  LEDGERD_ASSERT(next == planned.rows.end());
  return std::move(planned.answers);
}

} // namespace ledgerd
