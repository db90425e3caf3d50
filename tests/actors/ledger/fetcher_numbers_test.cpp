#define CAF_SUITE fetcher_numbers

#include "actors/ledger/fetcher.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

std::int64_t wall_ns = 0; // what the fetcher takes for the broker's time

struct numbers_fixture : fixture {
  std::shared_ptr<fake_source> source = std::make_shared<fake_source>();
  std::shared_ptr<fake_publisher> results = std::make_shared<fake_publisher>();
  std::shared_ptr<std::vector<asked_entry>> entries = std::make_shared<std::vector<asked_entry>>();
  fetcher_actor subject;

  explicit numbers_fixture(std::shared_ptr<currency_lookup> lookup = nullptr) {
    wall_ns = 1'000'000'000'000;
    results->confirm_at_once = false;
    const auto region =
        spawn_fake<entry_sink>([e = entries](entry_sink::pointer) -> entry_sink::behavior_type {
          return {
              [e](apply_atom, std::vector<asked_entry>& batch) {
                std::move(batch.begin(), batch.end(), std::back_inserter(*e));
              },
          };
        });
    const auto currencies =
        std::make_shared<currency_table>(std::vector<currency>{{*currency_code::parse("KRW"), 0}});
    subject = started_actor(sys.spawn(
        fetcher, fetcher_options{.instance = "deposit-consumer/0",
                                 .node_name = "n1",
                                 .source = source,
                                 .results = results,
                                 .currencies = currencies,
                                 .rules = {.default_currency = *currency_code::parse("KRW")},
                                 .lookup = std::move(lookup),
                                 .region = region,
                                 .credit = {4, 1 << 20},
                                 .attempts_max = usual::attempts_max,
                                 .lease = std::chrono::milliseconds{3000},
                                 .turn_pause = std::chrono::milliseconds{0},
                                 .wall_clock = [] { return wall_ns; }}));
    consume_messages();
  }

  void pass_all(std::chrono::milliseconds time) {
    wall_ns += std::chrono::nanoseconds{time}.count();
    pass(time);
  }

  // Stored so long ago.
  void arrive(std::uint64_t seq, std::chrono::milliseconds ago) {
    auto one = make_delivery("transaction.deposit",
                             deposit_json(static_cast<std::int64_t>(seq), "ann", 10), seq);
    one.stored_at_ns = wall_ns - std::chrono::nanoseconds{ago}.count();
    source->arriving.push_back(std::move(one));
    source->wake();
    consume_messages();
  }

  void decide(std::size_t which, outcome verdict = outcome::applied) {
    posting stored;
    stored.id = transaction_id{77};
    stored.record = record_id{1};
    stored.account = won_account("ann");
    stored.seq = 1;
    stored.amount = money{10};
    stored.balance_after = money{10};
    caf::anon_send(subject, answer_atom_v,
                   std::vector<ticketed_answer>{
                       {entries->at(which).from.tag, ledgerd::answer{verdict, stored}, {}}});
    consume_messages();
  }

  void confirm(std::size_t which) {
    results->answer(entries->at(which).from.tag, true);
    consume_messages();
  }

  actor_report report() {
    auto result = std::make_shared<actor_report>();
    ask(
        subject, [result](const actor_report& got) { *result = got; }, report_atom_v);
    consume_messages();
    return *result;
  }

  std::int64_t value(std::string_view name) {
    for (const auto& [what, number] : report().values)
      if (what->name == name)
        return number;
    CAF_FAIL("no value " << name);
    return 0;
  }

  // How often, and for how long in all.
  std::pair<std::int64_t, std::chrono::microseconds> stage(std::string_view name) {
    for (const auto& [what, histogram] : report().histograms)
      if (what->name == name)
        return {histogram.count(), std::chrono::microseconds{histogram.sum_us()}};
    CAF_FAIL("no stage " << name);
    return {};
  }
};

using times = std::pair<std::int64_t, std::chrono::microseconds>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(fetcher_numbers_tests, numbers_fixture)

CAF_TEST(each stage of a request has its time) {
  arrive(1, 700ms);
  CAF_CHECK(stage("pull") == times(1, 700ms));
  CAF_CHECK(stage("decode") == times(1, 0ms));
  CAF_CHECK_EQUAL(value("deciding"), 1);
  pass_all(300ms);
  CAF_CHECK(stage("decide") == times(0, 0ms));
  decide(0);
  CAF_CHECK(stage("decide") == times(1, 300ms));
  CAF_CHECK_EQUAL(value("deciding"), 0);
  CAF_CHECK_EQUAL(value("publishing"), 1);
  pass_all(200ms);
  confirm(0);
  CAF_CHECK(stage("publish") == times(1, 200ms));
  CAF_CHECK(stage("ack") == times(1, 0ms));
  CAF_CHECK(stage("end_to_end") == times(1, 500ms));
  CAF_CHECK_EQUAL(value("publishing"), 0);
}

CAF_TEST(only what the broker sends again is counted as such) {
  arrive(1, 0ms);
  CAF_CHECK_EQUAL(value("redelivered_total"), 0);
  auto again = make_delivery("transaction.deposit", deposit_json(2, "ann", 10), 2);
  again.deliveries = 2;
  source->arriving.push_back(std::move(again));
  source->wake();
  consume_messages();
  CAF_CHECK_EQUAL(value("redelivered_total"), 1);
}

CAF_TEST(refused entries are counted by reason) {
  for (std::uint64_t seq = 1; seq <= 4; ++seq)
    arrive(seq, 0ms);
  decide(0, outcome::insufficient_funds);
  decide(1, outcome::balance_overflow);
  decide(2, outcome::insufficient_funds);
  decide(3);
  CAF_CHECK_EQUAL(value("refused_total"), 3);
  CAF_CHECK_EQUAL(value("insufficient_funds_total"), 2);
  CAF_CHECK_EQUAL(value("balance_overflow_total"), 1);
  CAF_CHECK_EQUAL(value("applied_total"), 1);
}

CAF_TEST(the oldest request that is held has the age that the broker gives it) {
  source->waiting = 0;
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), 0);
  arrive(1, 700ms);
  arrive(2, 60s); // delivered again
  arrive(3, 100ms);
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), 60000);
  pass_all(500ms);
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), 60500);
  for (const auto which : {1u, 0u, 2u}) {
    decide(which);
    confirm(which);
    if (which == 1u)
      CAF_CHECK_EQUAL(value("oldest_undecided_ms"), 1200);
  }
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), 0);
}

CAF_TEST(with clocks that differ it is as old as it has been here) {
  arrive(1, -60s);
  pass_all(400ms);
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), 400);
  CAF_CHECK(stage("pull") == times(1, 0ms));
}

CAF_TEST(what was delivered before is counted) {
  auto one = make_delivery("transaction.deposit", deposit_json(1, "ann", 10), 1);
  one.deliveries = 2;
  source->arriving.push_back(std::move(one));
  arrive(2, 0ms);
  CAF_CHECK_EQUAL(value("fetched_total"), 2);
  CAF_CHECK_EQUAL(value("redelivered_total"), 1);
}

CAF_TEST(without a lookup an unknown currency is invalid at once) {
  auto one = make_delivery("transaction.deposit",
                           R"({"recordId":1,"userId":"ann","amount":"25.00","currency":"EUR"})", 1);
  source->arriving.push_back(std::move(one));
  source->wake();
  consume_messages();
  CAF_CHECK(entries->empty());
  CAF_REQUIRE_EQUAL(results->published.size(), 1u);
  CAF_CHECK_EQUAL(results->published[0].subject, "transaction.dead.deposit");
}

CAF_TEST(what nobody can look up or name gives its credit back) {
  numbers_fixture here{std::make_shared<fake_lookup>()}; // which never comes to an end
  here.source->knows_incarnation = false;
  const auto arrive_with = [&here](std::uint64_t seq, std::string payload) {
    here.source->arriving.push_back(make_delivery("transaction.deposit", std::move(payload), seq));
  };
  for (const std::uint64_t seq : {1, 2})
    arrive_with(seq, R"({"recordId":1,"userId":"ann","amount":"25.00","currency":"QQQ"})");
  for (const std::uint64_t seq : {3, 4})
    arrive_with(seq, "no object");
  here.source->wake();
  here.consume_messages();
  here.pass_all(2900ms);
  CAF_CHECK_EQUAL(here.source->room, 0u);
  here.pass_all(1000ms);
  CAF_CHECK_EQUAL(here.source->room, 2u);
  CAF_CHECK_EQUAL(here.value("unstored"), 2);
  here.pass_all(2000ms);
  CAF_CHECK_EQUAL(here.source->room, 4u);
  for (const auto seq : {1, 2, 3, 4})
    CAF_CHECK_EQUAL(here.source->count("receipt." + std::to_string(seq), settlement::postpone), 1u);
  here.arrive(5, 0ms);
  CAF_CHECK_EQUAL(here.entries->size(), 1u);
}

CAF_TEST(what nobody knows is not zero) {
  CAF_CHECK_EQUAL(value("pending"), not_known);
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), not_known);
  source->waiting = 5;
  CAF_CHECK_EQUAL(value("pending"), 5);
  caf::anon_send(subject, circuit_atom_v, true);
  consume_messages();
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), not_known); // some wait, and none is asked for
  source->waiting = 0; // so it was said, but none is asked for, and more may have come
  CAF_CHECK_EQUAL(value("pending"), not_known);
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), not_known);
  caf::anon_send(subject, circuit_atom_v, false);
  consume_messages();
  CAF_CHECK_EQUAL(value("pending"), 0);
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), 0);
}

CAF_TEST(a node that stands still does not know what waits) {
  source->waiting = 5;
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), 0);
  const auto pulse = [&](bool moving) {
    caf::anon_send(subject, pulse_atom_v, moving);
    consume_messages();
  };
  pulse(false);
  pass_all(10s);
  pulse(false);
  CAF_CHECK_EQUAL(value("pending"), 5);
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), not_known);
  pulse(true);
  CAF_CHECK_EQUAL(value("oldest_undecided_ms"), 0);
}

CAF_TEST(it says how much it may hold and how much came at once and since when nothing has) {
  CAF_CHECK_EQUAL(value("credit"), 4);
  for (std::uint64_t seq = 1; seq <= 3; ++seq)
    source->arriving.push_back(make_delivery(
        "transaction.deposit", deposit_json(static_cast<std::int64_t>(seq), "ann", 10), seq));
  source->wake();
  consume_messages();
  const auto got = report();
  CAF_REQUIRE_EQUAL(got.sizes.size(), 1u);
  CAF_CHECK_EQUAL(got.sizes[0].histogram.count(), 1);
  CAF_CHECK_EQUAL(got.sizes[0].histogram.sum(), 3);
  CAF_CHECK(stage("pull") == times(0, 0ms)); // nobody says when they were stored
  pass_all(1500ms);
  CAF_CHECK_EQUAL(value("idle_ms"), 1500);
}

CAF_TEST_FIXTURE_SCOPE_END()
