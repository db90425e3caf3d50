#define CAF_SUITE gate_batch

#include "actors/ledger/gate_batch.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using sizes = std::vector<std::size_t>;

gate_batch batch_of(const sizes& groups) {
  gate_batch result;
  std::int64_t id = 0;
  for (const auto size : groups) {
    ledger_group next;
    next.group.account = won_account("user-" + std::to_string(result.groups.size()));
    for (std::size_t i = 0; i < size; ++i) {
      next.group.entries.push_back(deposit(++id, next.group.account.user_id, 1));
      next.origins.push_back({{}, static_cast<ticket>(id)});
    }
    add_group(result, std::move(next));
  }
  return result;
}

sizes sizes_of(const gate_batch& batch) {
  sizes result;
  std::size_t sum = 0;
  for (std::size_t g = 0; g < batch.groups.size(); ++g) {
    result.push_back(batch.groups[g].entries.size());
    CAF_CHECK_EQUAL(batch.origins[g].size(), result.back());
    CAF_CHECK_EQUAL(batch.origins[g].front().tag,
                    static_cast<ticket>(to_int(batch.groups[g].entries.front().id)));
    sum += result.back();
  }
  CAF_CHECK_EQUAL(batch.ledgers.size(), result.size());
  CAF_CHECK_EQUAL(batch.entries, sum);
  return result;
}

} // namespace

CAF_TEST(a batch is cut between its groups) {
  struct row {
    sizes whole;
    std::size_t entries_max;
    sizes front, back;
  };
  const row table[] = {
      {{1, 1}, 1, {1}, {1}},
      {{1, 1}, 100, {1}, {1}}, // both parts have something
      {{5, 1, 1}, 2, {5}, {1, 1}},
      {{2, 2, 2, 2}, 4, {2, 2}, {2, 2}},
      {{2, 3, 2, 1}, 4, {2}, {3, 2, 1}}, // what comes later does not overtake
  };
  for (const auto& [whole, entries_max, front, back] : table) {
    auto batch = batch_of(whole);
    batch.search = culprit_search::halving;
    const auto first = split_off(batch, entries_max);
    CAF_CHECK_EQUAL(sizes_of(*first), front);
    CAF_CHECK_EQUAL(sizes_of(batch), back);
    CAF_CHECK(first->search == culprit_search::halving && batch.search == first->search);
  }
}

CAF_TEST(groups are taken out and the others stay in order) {
  auto batch = batch_of({1, 2, 3, 4});
  const auto out = take_out(batch, {1, 3});
  CAF_REQUIRE_EQUAL(out.size(), 2u);
  CAF_CHECK_EQUAL(out[0].group.account.user_id, "user-1");
  CAF_CHECK_EQUAL(out[1].group.entries.size(), 4u);
  CAF_CHECK_EQUAL(out[1].origins.size(), 4u);
  CAF_CHECK_EQUAL(sizes_of(batch), (sizes{1, 3}));
  take_out(batch, {0, 1});
  CAF_CHECK(batch.groups.empty() && batch.entries == 0);
}
