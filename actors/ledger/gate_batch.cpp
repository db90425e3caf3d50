#include "actors/ledger/gate_batch.hpp"

#include <algorithm>
#include <utility>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

ledger_group group_at(gate_batch& batch, std::size_t place) {
  return {std::move(batch.ledgers[place]), std::move(batch.groups[place]),
          std::move(batch.origins[place])};
}

gate_batch_ptr emptied_copy(const gate_batch& batch) {
  auto result = std::make_shared<gate_batch>();
  result->formed = batch.formed;
  result->search = batch.search;
  return result;
}

} // namespace

void add_group(gate_batch& batch, ledger_group&& next) {
  batch.entries += next.group.entries.size();
  batch.groups.push_back(std::move(next.group));
  batch.ledgers.push_back(std::move(next.ledger));
  batch.origins.push_back(std::move(next.origins));
}

gate_batch_ptr split_off(gate_batch& from, std::size_t entries_max) {
  LEDGERD_ASSERT(from.groups.size() > 1);
  auto front = emptied_copy(from), back = emptied_copy(from);
  for (std::size_t place = 0; place < from.groups.size(); ++place) {
    auto next = group_at(from, place);
    const bool is_last = place + 1 == from.groups.size();
    const bool fits = back->groups.empty() && !(is_last && place > 0)
                      && front->entries + next.group.entries.size() <= entries_max;
    add_group(fits || front->groups.empty() ? *front : *back, std::move(next));
  }
  from = std::move(*back);
  return front;
}

std::vector<ledger_group> take_out(gate_batch& from, const std::vector<std::size_t>& places) {
  std::vector<ledger_group> result;
  std::vector<bool> out(from.groups.size(), false);
  for (const auto place : places) {
    LEDGERD_ASSERT(place < out.size());
    out[place] = true;
  }
  const auto rest = emptied_copy(from);
  for (std::size_t place = 0; place < out.size(); ++place) {
    auto next = group_at(from, place);
    if (out[place])
      result.push_back(std::move(next));
    else
      add_group(*rest, std::move(next));
  }
  from = std::move(*rest);
  return result;
}

} // namespace ledgerd
