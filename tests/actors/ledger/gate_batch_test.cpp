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
    next.account = won_account("user-" + std::to_string(result.heads.size()));
    for (std::size_t i = 0; i < size; ++i) {
      ++id;
      next.entries.push_back({deposit(id, next.account.user_id, 1), {{}, static_cast<ticket>(id)}});
    }
    add_group(result, std::move(next));
  }
  return result;
}

sizes sizes_of(const gate_batch& batch) {
  sizes result(batch.heads.size());
  CAF_REQUIRE_EQUAL(batch.origins.size(), batch.entries.size());
  for (std::size_t i = 0; i < batch.entries.size(); ++i) {
    const auto& [asked, head] = batch.entries[i];
    CAF_CHECK_EQUAL(batch.origins[i].tag, static_cast<ticket>(to_int(asked.id)));
    CAF_REQUIRE(head < result.size());
    CAF_CHECK(asked.account == batch.heads[head].account);
    ++result[head];
  }
  CAF_CHECK_EQUAL(batch.ledgers.size(), result.size());
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
  CAF_CHECK_EQUAL(out[0].account.user_id, "user-1");
  CAF_CHECK_EQUAL(out[1].entries.size(), 4u);
  CAF_CHECK_EQUAL(sizes_of(batch), (sizes{1, 3}));
  take_out(batch, {0, 1});
  CAF_CHECK(batch.heads.empty() && batch.entries.empty());
}

CAF_TEST(cut or taken out an account keeps the order of its entries however they stand) {
  const auto mixed = [] {
    gate_batch batch = batch_of({2, 1, 2}); // 1, 2, 3, 4, 5
    for (const auto& [one, other] :
         {std::pair<std::size_t, std::size_t>{0, 4}, {1, 3}}) { // now 5, 4, 3, 2, 1
      std::swap(batch.entries[one], batch.entries[other]);
      std::swap(batch.origins[one], batch.origins[other]);
    }
    return batch;
  };
  const auto ids_of = [](const std::vector<asked_entry>& entries) {
    std::vector<std::int64_t> result;
    for (const auto& [asked, from, stream_seq, hops_left, bytes] : entries) {
      CAF_CHECK_EQUAL(from.tag, static_cast<ticket>(to_int(asked.id)));
      result.push_back(to_int(asked.id));
    }
    return result;
  };
  using ids = std::vector<std::int64_t>;
  auto whole = mixed();
  auto out = take_out(whole, {2, 0});
  CAF_REQUIRE_EQUAL(out.size(), 2u);
  CAF_CHECK_EQUAL(ids_of(out[0].entries), (ids{2, 1}));
  CAF_CHECK_EQUAL(ids_of(out[1].entries), (ids{5, 4}));
  CAF_CHECK_EQUAL(sizes_of(whole), (sizes{1}));
  whole = mixed();
  const auto front = split_off(whole, 3);
  CAF_CHECK_EQUAL(sizes_of(*front), (sizes{2, 1}));
  CAF_CHECK_EQUAL(sizes_of(whole), (sizes{2}));
  const auto groups = groups_of(std::move(*front));
  CAF_CHECK_EQUAL(ids_of(groups.at(0).entries), (ids{2, 1}));
  CAF_CHECK_EQUAL(ids_of(groups.at(1).entries), (ids{3}));
}
