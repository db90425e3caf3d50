#include "actors/ledger/gate_batch.hpp"

#include <algorithm>
#include <utility>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

gate_batch_ptr emptied_copy(const gate_batch& batch) {
  auto result = std::make_shared<gate_batch>();
  result->formed = batch.formed;
  result->search = batch.search;
  return result;
}

} // namespace

void add_group(gate_batch& batch, ledger_group&& next) {
  const auto head = batch.heads.size();
  batch.heads.push_back({std::move(next.account), next.head});
  batch.ledgers.push_back(std::move(next.ledger));
  for (auto& [asked, from, stream_seq, hops_left, bytes] : next.entries) {
    batch.entries.push_back({std::move(asked), head});
    batch.origins.push_back(std::move(from));
  }
}

std::vector<ledger_group> groups_of(gate_batch&& batch) {
  std::vector<ledger_group> result;
  for (std::size_t i = 0; i < batch.heads.size(); ++i) {
    auto& [account, head] = batch.heads[i];
    result.push_back({std::move(batch.ledgers[i]), std::move(account), head, {}});
  }
  for (std::size_t i = 0; i < batch.entries.size(); ++i) {
    auto& [asked, head] = batch.entries[i];
    result[head].entries.push_back({std::move(asked), std::move(batch.origins[i])});
  }
  return result;
}

gate_batch_ptr split_off(gate_batch& from, std::size_t entries_max) {
  LEDGERD_ASSERT(from.heads.size() > 1);
  auto front = emptied_copy(from), back = emptied_copy(from);
  auto groups = groups_of(std::move(from));
  for (auto& next : groups) {
    const bool fits = back->heads.empty() && &next != &groups.back()
                      && front->entries.size() + next.entries.size() <= entries_max;
    add_group(fits || front->heads.empty() ? *front : *back, std::move(next));
  }
  from = std::move(*back);
  return front;
}

std::vector<ledger_group> take_out(gate_batch& from, const std::vector<std::size_t>& places) {
  std::vector<ledger_group> result;
  std::vector<bool> out(from.heads.size(), false);
  for (const auto place : places) {
    LEDGERD_ASSERT(place < out.size());
    out[place] = true;
  }
  const auto rest = emptied_copy(from);
  auto groups = groups_of(std::move(from));
  for (std::size_t place = 0; place < out.size(); ++place)
    if (out[place])
      result.push_back(std::move(groups[place]));
    else
      add_group(*rest, std::move(groups[place]));
  from = std::move(*rest);
  return result;
}

} // namespace ledgerd
