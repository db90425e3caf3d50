#define CAF_SUITE ledger

#include "actors/ledger/ledger.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr std::size_t group_bytes = 1000;

struct ledger_fixture : fixture {
  std::shared_ptr<std::vector<ledger_group>> groups = std::make_shared<std::vector<ledger_group>>();
  std::shared_ptr<std::vector<bool>> idle_answers = std::make_shared<std::vector<bool>>();
  std::shared_ptr<int> free_notices = std::make_shared<int>(0);
  // The record ids of what was given back to the region.
  std::shared_ptr<std::vector<std::int64_t>> given_back =
      std::make_shared<std::vector<std::int64_t>>();
  // The tags of the entries that came back.
  std::shared_ptr<std::vector<std::int64_t>> later = std::make_shared<std::vector<std::int64_t>>();
  answer_sink fetcher;
  ledger_actor subject;

  ledger_fixture() {
    const auto region =
        spawn_fake<ledger_keeper>([answers = idle_answers, n = free_notices, b = given_back](
                                      ledger_keeper::pointer) -> ledger_keeper::behavior_type {
          return {
              [answers](idle_atom, const account_key&, bool gone) { answers->push_back(gone); },
              [n](yield_atom, const account_key&) { ++*n; },
              [b](apply_atom, const std::vector<asked_entry>& entries) {
                for (const auto& each : entries)
                  b->push_back(to_int(each.asked.id));
              },
          };
        });
    fetcher =
        spawn_fake<answer_sink>([l = later](answer_sink::pointer) -> answer_sink::behavior_type {
          return {
              [l](answer_atom, const std::vector<ticketed_answer>& got) {
                for (const auto& each : got) {
                  CAF_CHECK(each.later && !each.verdict);
                  l->push_back(static_cast<std::int64_t>(each.tag));
                }
              },
          };
        });
    subject = started_actor(
        sys.spawn(ledger, ledger_options{.account = won_account("ann"),
                                         .gate = started_actor(sys.spawn(recording_gate, groups)),
                                         .region = region,
                                         .group_max = {3, group_bytes}}));
    consume_messages();
  }

  void apply(std::vector<std::int64_t> ids) {
    std::vector<asked_entry> batch;
    for (const auto id : ids)
      batch.push_back({deposit(id, "ann", 1), {fetcher, static_cast<ticket>(id)}});
    caf::anon_send(subject, apply_atom_v, std::move(batch));
    consume_messages();
  }

  // Record id and bytes of each.
  void apply_weighing(std::vector<std::pair<std::int64_t, std::uint32_t>> entries) {
    std::vector<asked_entry> batch;
    for (const auto& [id, bytes] : entries)
      batch.push_back({.asked = deposit(id, "ann", 1),
                       .from = {fetcher, static_cast<ticket>(id)},
                       .stream_seq = static_cast<std::uint64_t>(id),
                       .bytes = bytes});
    caf::anon_send(subject, apply_atom_v, std::move(batch));
    consume_messages();
  }

  void hold(capacity most) {
    caf::anon_send(subject, hold_atom_v, most);
    consume_messages();
  }

  void answer(std::optional<account_head> head) {
    caf::anon_send(subject, head_atom_v, head);
    consume_messages();
  }

  std::vector<std::int64_t> ids_of(std::size_t group) const {
    std::vector<std::int64_t> ids;
    for (const auto& [asked, from, stream_seq, hops_left, bytes] : groups->at(group).entries) {
      ids.push_back(to_int(asked.id));
      CAF_CHECK_EQUAL(from.tag, static_cast<ticket>(ids.back()));
    }
    return ids;
  }
};

using ids = std::vector<std::int64_t>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(ledger_tests, ledger_fixture)

CAF_TEST(the first group goes at once and without a head) {
  apply({1, 2});
  CAF_REQUIRE_EQUAL(groups->size(), 1u);
  CAF_CHECK_EQUAL(ids_of(0), (ids{1, 2}));
  CAF_CHECK(!groups->at(0).head.has_value());
}

CAF_TEST(at most one group is at the gate and what arrives meanwhile forms the next) {
  apply({1});
  apply({2});
  apply({3});
  CAF_REQUIRE_EQUAL(groups->size(), 1u);
  answer(account_head{money{7}, 4});
  CAF_REQUIRE_EQUAL(groups->size(), 2u);
  CAF_CHECK_EQUAL(ids_of(1), (ids{2, 3}));
  CAF_REQUIRE(groups->at(1).head.has_value());
  CAF_CHECK_EQUAL(groups->at(1).head->seq, 4);
}

CAF_TEST(a group is never larger than allowed and keeps the order) {
  apply({1});
  apply({2, 3, 4, 5});
  apply({6, 7, 8});
  for (int i = 0; i < 3; ++i)
    answer(account_head{money{1}, 1});
  CAF_REQUIRE_EQUAL(groups->size(), 4u);
  CAF_CHECK_EQUAL(ids_of(1), (ids{2, 3, 4}));
  CAF_CHECK_EQUAL(ids_of(2), (ids{5, 6, 7}));
  CAF_CHECK_EQUAL(ids_of(3), (ids{8}));
}

CAF_TEST(an unknown head after a failure is not replaced by the old one) {
  apply({1});
  answer(account_head{money{1}, 1});
  apply({2});
  answer(std::nullopt);
  apply({3});
  CAF_REQUIRE_EQUAL(groups->size(), 3u);
  CAF_CHECK(!groups->at(2).head.has_value());
}

CAF_TEST(it refuses to go while it has work and goes when it has none) {
  apply({1});
  caf::anon_send(subject, idle_atom_v);
  consume_messages();
  answer(account_head{money{1}, 1});
  caf::anon_send(subject, idle_atom_v);
  consume_messages();
  CAF_CHECK_EQUAL(*idle_answers, (std::vector<bool>{false, true}));
}

CAF_TEST(what an account that is aside may not hold goes back and the order stays) {
  apply({1});
  caf::anon_send(subject, hold_atom_v, capacity{3});
  apply({2, 3});
  CAF_CHECK(later->empty());
  apply({4, 5, 6});
  CAF_CHECK_EQUAL(*later, (ids{5, 6}));
  caf::anon_send(subject, hold_atom_v, capacity{1});
  consume_messages();
  CAF_CHECK_EQUAL(*later, (ids{5, 6, 3, 4}));
  answer(account_head{money{1}, 1});
  CAF_CHECK_EQUAL(ids_of(1), (ids{2}));
  // Back among the others it takes whatever comes.
  caf::anon_send(subject, hold_atom_v, hold_any);
  apply({7, 8, 9});
  CAF_CHECK_EQUAL(later->size(), 4u);
  answer(account_head{money{1}, 2});
  CAF_CHECK_EQUAL(ids_of(2), (ids{7, 8, 9}));
}

CAF_TEST(a group is never heavier than allowed unless it is one entry) {
  apply_weighing({{1, 10}});
  apply_weighing({{2, 400}, {3, 600}, {4, 1}, {5, 1500}, {6, 999}, {7, 2}});
  for (int i = 0; i < 5; ++i)
    answer(account_head{money{1}, 1});
  CAF_REQUIRE_EQUAL(groups->size(), 6u);
  CAF_CHECK_EQUAL(ids_of(1), (ids{2, 3}));
  CAF_CHECK_EQUAL(ids_of(2), (ids{4}));
  CAF_CHECK_EQUAL(ids_of(3), (ids{5}));
  CAF_CHECK_EQUAL(ids_of(4), (ids{6}));
  CAF_CHECK_EQUAL(ids_of(5), (ids{7}));
}

CAF_TEST(what an account that is aside may not hold in bytes goes back and the order stays) {
  hold({100, 1000});
  apply_weighing({{1, 300}});
  apply_weighing({{2, 300}, {3, 300}});
  CAF_CHECK(later->empty());
  apply_weighing({{4, 100}, {5, 1}});
  CAF_CHECK_EQUAL(*later, (ids{5}));
  hold({100, 700});
  CAF_CHECK_EQUAL(*later, (ids{5, 3, 4}));
  // What is at the gate counts until it is answered.
  answer(account_head{money{1}, 1});
  CAF_CHECK_EQUAL(ids_of(1), (ids{2}));
  apply_weighing({{6, 400}, {7, 1}});
  CAF_CHECK_EQUAL(*later, (ids{5, 3, 4, 7}));
  hold(hold_any);
  apply_weighing({{8, 5000}, {9, 5000}});
  CAF_CHECK_EQUAL(later->size(), 4u);
}

CAF_TEST(an account that is aside may hold one entry however large) {
  hold({100, 1000});
  apply_weighing({{1, 5000}});
  CAF_CHECK_EQUAL(ids_of(0), (ids{1}));
  apply_weighing({{3, 10}, {4, 10}});
  CAF_CHECK_EQUAL(*later, (ids{4}));
  // Not those that came before: the place is for the one that has waited longest in the stream.
  apply_weighing({{2, 5000}});
  CAF_CHECK_EQUAL(*later, (ids{4, 3}));
  answer(account_head{money{1}, 1});
  CAF_CHECK_EQUAL(ids_of(1), (ids{2}));
}

CAF_TEST(what goes to another node does not count any more) {
  apply_weighing({{1, 10}});
  apply_weighing({{2, 900}, {3, 900}});
  caf::anon_send(subject, yield_atom_v);
  consume_messages();
  CAF_CHECK(*given_back == (ids{2, 3}));
  hold({100, 1000});
  apply_weighing({{4, 500}, {5, 490}});
  CAF_CHECK(later->empty());
}

CAF_TEST(entries of unknown weight are bounded by their number alone) {
  hold({3, 1});
  apply({1});
  apply({2, 3, 4, 5});
  CAF_CHECK_EQUAL(*later, (ids{5}));
}

CAF_TEST(entries that came by several roads go in the order of the stream) {
  const auto arrive = [&](std::vector<std::int64_t> sequence) {
    std::vector<asked_entry> batch;
    for (const auto at : sequence)
      batch.push_back({deposit(at, "ann", 1),
                       {fetcher, static_cast<ticket>(at)},
                       static_cast<std::uint64_t>(at)});
    caf::anon_send(subject, apply_atom_v, std::move(batch));
    consume_messages();
  };
  arrive({1});
  arrive({5, 9});
  arrive({8, 2});
  arrive({3});
  answer(account_head{money{1}, 1});
  CAF_CHECK(ids_of(1) == (std::vector<std::int64_t>{2, 3, 5}));
  answer(account_head{money{1}, 4});
  CAF_CHECK(ids_of(2) == (std::vector<std::int64_t>{8, 9}));
}

CAF_TEST(an account that goes to another node gives back what waits and says when it is free) {
  apply({1});
  apply({2, 3});
  caf::anon_send(subject, yield_atom_v);
  consume_messages();
  CAF_CHECK(*given_back == (std::vector<std::int64_t>{2, 3}));
  CAF_CHECK(*idle_answers == std::vector<bool>{false});
  CAF_CHECK_EQUAL(*free_notices, 0);
  answer(account_head{money{1}, 1});
  CAF_CHECK_EQUAL(*free_notices, 1);
  CAF_CHECK_EQUAL(groups->size(), 1U);
  // Whatever comes until it is asked to go is not lost.
  apply({4});
  CAF_CHECK_EQUAL(groups->size(), 2U);
  answer(account_head{money{1}, 2});
  CAF_CHECK_EQUAL(*free_notices, 1);
  caf::anon_send(subject, idle_atom_v);
  consume_messages();
  CAF_CHECK((*idle_answers == std::vector<bool>{false, true}));
}

CAF_TEST(what must be decided here stays with an account that goes and keeps its order) {
  apply({1});
  std::vector<asked_entry> mixed;
  for (std::int64_t id = 2; id <= 5; ++id)
    mixed.push_back({.asked = deposit(id, "ann", 1),
                     .from = {fetcher, static_cast<ticket>(id)},
                     .hops_left = static_cast<std::uint8_t>(id % 2)});
  caf::anon_send(subject, apply_atom_v, std::move(mixed));
  caf::anon_send(subject, yield_atom_v);
  consume_messages();
  CAF_CHECK(*given_back == (std::vector<std::int64_t>{3, 5}));
  answer(account_head{money{1}, 1});
  CAF_CHECK_EQUAL(*free_notices, 0);
  CAF_REQUIRE_EQUAL(groups->size(), 2U);
  CAF_CHECK_EQUAL(ids_of(1), (ids{2, 4}));
  answer(account_head{money{1}, 3});
  CAF_CHECK_EQUAL(*free_notices, 1);
}

CAF_TEST(an idle account goes to another node at once) {
  caf::anon_send(subject, yield_atom_v);
  consume_messages();
  CAF_CHECK(given_back->empty());
  CAF_CHECK(*idle_answers == std::vector<bool>{true});
}

CAF_TEST_FIXTURE_SCOPE_END()

// A hot account: more comes than goes, and later as much as goes, for ever.
CAF_TEST(the memory of a ledger follows what waits and not what has gone) {
  ledger_state state;
  state.options.group_max = {1000};
  std::int64_t id = 0;
  const auto arrive = [&](std::size_t count) {
    std::vector<asked_entry> batch;
    for (std::size_t i = 0; i < count; ++i) {
      ++id;
      batch.push_back({deposit(id, "ann", 1), {{}, static_cast<ticket>(id)}});
    }
    state.add(std::move(batch));
  };
  std::int64_t gone = 0;
  bool in_order = true;
  const auto leave = [&] {
    const auto group = state.next_group({});
    for (std::size_t i = 0; group && i < group->entries.size(); ++i) {
      ++gone;
      const auto& [asked, from, stream_seq, hops_left, bytes] = group->entries[i];
      in_order = in_order && to_int(asked.id) == gone && from.tag == static_cast<ticket>(gone);
    }
    state.at_gate = false;
  };
  arrive(8000);
  std::size_t largest = 0;
  for (int round = 0; round < 2000; ++round) {
    leave();
    arrive(1000);
    largest = std::max(largest, state.waiting.capacity());
    CAF_REQUIRE_EQUAL(state.count_waiting(), 8000u);
  }
  CAF_CHECK(in_order);
  CAF_CHECK_EQUAL(gone, 2'000'000);
  CAF_CHECK_LESS_OR_EQUAL(largest, 4u * 8000u);
  while (state.count_waiting() > 10)
    leave();
  CAF_CHECK_LESS_OR_EQUAL(state.waiting.capacity(), 64u);
}
