#define CAF_SUITE fetcher

#include "actors/common/unplaced.hpp"
#include "actors/ledger/fetcher.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fetcher_fixture : fixture {
  std::shared_ptr<fake_source> source = std::make_shared<fake_source>();
  std::shared_ptr<fake_publisher> results = std::make_shared<fake_publisher>();
  std::shared_ptr<std::vector<asked_entry>> entries = std::make_shared<std::vector<asked_entry>>();
  std::shared_ptr<currency_table> table =
      std::make_shared<currency_table>(std::vector<currency>{{*currency_code::parse("KRW"), 0}});
  std::shared_ptr<fake_lookup> lookup = std::make_shared<fake_lookup>();
  fetcher_actor subject;
  fetcher_look told;

  explicit fetcher_fixture(std::chrono::milliseconds stragglers = {},
                           std::chrono::milliseconds turn_pause = {}) {
    const auto region =
        spawn_fake<entry_sink>([e = entries](entry_sink::pointer) -> entry_sink::behavior_type {
          return {
              [e](apply_atom, std::vector<asked_entry>& batch) {
                std::move(batch.begin(), batch.end(), std::back_inserter(*e));
              },
          };
        });
    subject = started_actor(sys.spawn(
        fetcher, fetcher_options{.instance = "deposit-consumer/0",
                                 .node_name = "n1",
                                 .source = source,
                                 .results = results,
                                 .currencies = table,
                                 .rules = {.default_currency = *currency_code::parse("KRW")},
                                 .lookup = lookup,
                                 .region = region,
                                 .credit = {4, 1 << 20},
                                 .attempts_max = usual::attempts_max,
                                 .lease = std::chrono::milliseconds{3000},
                                 .turn_pause = turn_pause,
                                 .stragglers = stragglers}));
    consume_messages();
  }

  void arrive(std::uint64_t seq, std::string payload) {
    source->arriving.push_back(make_delivery("transaction.deposit", std::move(payload), seq));
    source->wake();
    consume_messages();
  }

  void answer(ticket tag, outcome verdict) {
    posting stored;
    stored.id = transaction_id{77};
    stored.record = record_id{1};
    stored.account = won_account("ann");
    stored.seq = 1;
    stored.amount = money{10};
    stored.balance_after = money{10};
    if (verdict == outcome::insufficient_funds)
      stored.verdict = verdict;
    send_answer({tag, answer_for(verdict, stored), {}});
  }

  void fail(ticket tag) { send_answer({tag, std::nullopt, "refused by the database"}); }

  static std::optional<ledgerd::answer> answer_for(outcome verdict, const posting& stored) {
    return ledgerd::answer{verdict, stored};
  }

  void send_answer(ticketed_answer one) {
    caf::anon_send(subject, answer_atom_v, std::vector<ticketed_answer>{std::move(one)});
    consume_messages();
  }

  // What it says of a record then stands in `told`.
  void ask_for(std::int64_t id) {
    told = {};
    ask(
        subject, [this](const fetcher_look& got) { told = got; }, held_atom_v, id);
    consume_messages();
  }

  // Publisher answers reach the fetcher by its next beat at the latest.
  void beat() { pass(std::chrono::milliseconds{100}); }

  std::string header_of(const outgoing& letter, const std::string& name) const {
    for (const auto& each : letter.headers)
      if (each.name == name)
        return each.value;
    return "";
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(fetcher_tests, fetcher_fixture)

CAF_TEST(a delivery is acknowledged only after its verdict and the PubAck) {
  results->confirm_at_once = false;
  arrive(1, deposit_json(1, "ann", 10));
  CAF_REQUIRE_EQUAL(entries->size(), 1u);
  CAF_CHECK_EQUAL(entries->at(0).bytes, (1u << 20) - source->room_bytes);
  CAF_CHECK(source->settled.empty());
  answer(entries->at(0).from.tag, outcome::applied);
  beat();
  CAF_REQUIRE_EQUAL(results->published.size(), 1u);
  CAF_CHECK_EQUAL(results->published[0].message_id, "result-1");
  CAF_CHECK_EQUAL(results->published[0].subject, "transaction.result.deposit");
  CAF_CHECK(source->settled.empty());
  results->answer(results->published[0].token, true);
  consume_messages();
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::acknowledge), 1u);
}

CAF_TEST(a result names its request and the node) {
  arrive(41, deposit_json(1, "ann", 10));
  answer(entries->at(0).from.tag, outcome::applied);
  CAF_REQUIRE_EQUAL(results->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(results->published[0], "Ledgerd-Origin"), "41 n1");
}

CAF_TEST(whoever asks is told what is held and how far was pulled) {
  results->confirm_at_once = false;
  ask_for(1);
  CAF_CHECK(!told.held && told.pulled.to == 0);
  arrive(7, deposit_json(12, "ann", 10));
  arrive(9, deposit_json(1, "ann", 10));
  pass(std::chrono::milliseconds{1500});
  ask_for(1);
  CAF_REQUIRE(told.held.has_value());
  CAF_CHECK(*told.held == (held_request{"deposit-consumer/0", "deciding", 9, 1500, 1, 0}));
  CAF_CHECK(told.pulled == (pulled_subject{"transaction.deposit", 9}));
  CAF_CHECK(told.account == won_account("ann"));
  fail(entries->at(1).from.tag);
  ask_for(1);
  CAF_CHECK(told.held && told.held->stage == "failed" && told.held->attempts == 1);
  CAF_CHECK(told.account == won_account("ann"));
  answer(entries->at(0).from.tag, outcome::applied);
  ask_for(12);
  CAF_CHECK(told.held && told.held->stage == "publishing" && !told.account);
  results->answer(results->published[0].token, true);
  consume_messages();
  ask_for(12);
  CAF_CHECK(!told.held && told.pulled.to == 9);
  ask_for(2); // its digit stands in a payload, and it is another record
  CAF_CHECK(!told.held);
}

CAF_TEST(whoever asks is told of a request whose currency is looked for and of one that is parked) {
  results->confirm_at_once = false;
  source->knows_incarnation = false;
  arrive(1, R"({"recordId":11,"userId":"ann","amount":"25.00","currency":"QQQ"})");
  ask_for(11);
  CAF_CHECK(told.held && told.held->stage == "looking" && !told.account);
  arrive(2, R"({"recordId":12,"userId":"ann","amount":"a lot","currency":"KRW"})");
  ask_for(12);
  CAF_CHECK(told.held && told.held->stage == "publishing");
}

CAF_TEST(bytes in which the number stands are no request) {
  source->knows_incarnation = false; // its dead letter is not made yet
  arrive(7, "{\"recordId\":12,");
  ask_for(12);
  CAF_CHECK(!told.held && told.pulled.to == 7);
}

CAF_TEST(what comes soon after a turn waits for the next one) {
  fetcher_fixture here{{}, std::chrono::milliseconds{20}};
  here.advance_time(std::chrono::milliseconds{50});
  here.arrive(1, deposit_json(1, "ann", 10));
  here.arrive(2, deposit_json(2, "ann", 10));
  CAF_CHECK_EQUAL(here.entries->size(), 1u);
  here.advance_time(std::chrono::milliseconds{20});
  here.consume_messages();
  CAF_CHECK_EQUAL(here.entries->size(), 2u);
}

CAF_TEST(credit bounds what is held and comes back with the settlement) {
  results->confirm_at_once = false;
  CAF_CHECK_EQUAL(source->room, 4u);
  for (std::uint64_t seq = 1; seq <= 6; ++seq)
    source->arriving.push_back(make_delivery(
        "transaction.deposit", deposit_json(static_cast<std::int64_t>(seq), "ann", 10), seq));
  source->wake();
  consume_messages();
  beat();
  CAF_CHECK_EQUAL(entries->size(), 4u);
  CAF_CHECK_EQUAL(source->room, 0u);
  answer(entries->at(0).from.tag, outcome::applied);
  results->answer(entries->at(0).from.tag, true);
  consume_messages();
  beat();
  CAF_CHECK_EQUAL(entries->size(), 5u);
}

CAF_TEST(a result that is not confirmed is published again under the same id) {
  results->confirm_at_once = false;
  arrive(1, deposit_json(1, "ann", 10));
  answer(entries->at(0).from.tag, outcome::applied);
  results->answer(results->published.at(0).token, false, "timeout");
  consume_messages();
  CAF_CHECK(source->settled.empty());
  pass(std::chrono::milliseconds{2000});
  CAF_REQUIRE_EQUAL(results->published.size(), 2u);
  CAF_CHECK_EQUAL(results->published[1].message_id, results->published[0].message_id);
  CAF_CHECK_EQUAL(results->published[1].payload, results->published[0].payload);
  results->answer(results->published[1].token, true);
  consume_messages();
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::acknowledge), 1u);
}

CAF_TEST(a malformed message is parked and terminated only after the dead letter is confirmed) {
  results->confirm_at_once = false;
  arrive(9, "{\"recordId\":1,");
  CAF_CHECK(entries->empty());
  CAF_REQUIRE_EQUAL(results->published.size(), 1u);
  CAF_CHECK_EQUAL(results->published[0].subject, "transaction.dead.deposit");
  CAF_CHECK_EQUAL(results->published[0].message_id, "dead-TRANSACTIONS-1-9");
  CAF_CHECK_EQUAL(header_of(results->published[0], "Ledgerd-Reason"), "MALFORMED_JSON");
  CAF_CHECK_EQUAL(header_of(results->published[0], "Ledgerd-Node"), "n1");
  CAF_CHECK(source->settled.empty());
  results->answer(results->published[0].token, true);
  consume_messages();
  CAF_CHECK_EQUAL(source->count("receipt.9", settlement::terminate), 1u);
}

CAF_TEST(what there is no room for is let go and its credit comes back) {
  arrive(1, deposit_json(1, "ann", 10));
  send_answer({entries->at(0).from.tag, std::nullopt, {}, true});
  beat();
  // Its source hears of it: where there is no lease that runs out, nobody else knows of it.
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::let_go), 1u);
  CAF_CHECK(results->published.empty());
  CAF_CHECK_EQUAL(source->room, 4u);
  pass(std::chrono::milliseconds{5000});
  CAF_CHECK_EQUAL(source->settled.size(), 1u); // no word keeps its lease alive
}

CAF_TEST(a dead letter waits until the incarnation of its stream is known) {
  source->knows_incarnation = false;
  arrive(9, "{\"recordId\":1,");
  arrive(1, deposit_json(1, "ann", 10));
  answer(entries->at(0).from.tag, outcome::applied);
  beat();
  CAF_REQUIRE_EQUAL(results->published.size(), 1u); // the result does not wait
  CAF_CHECK_EQUAL(source->count("receipt.9", settlement::terminate), 0u);
  source->knows_incarnation = true;
  beat();
  beat();
  CAF_REQUIRE_EQUAL(results->published.size(), 2u);
  CAF_CHECK_EQUAL(results->published[1].message_id, "dead-TRANSACTIONS-1-9");
  CAF_CHECK_EQUAL(source->count("receipt.9", settlement::terminate), 1u);
}

CAF_TEST(a conflict is parked with its reason) {
  arrive(1, deposit_json(1, "ann", 10));
  answer(entries->at(0).from.tag, outcome::conflict);
  beat();
  CAF_REQUIRE_EQUAL(results->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(results->published[0], "Ledgerd-Reason"), "RECORD_ID_CONFLICT");
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::terminate), 1u);
}

CAF_TEST(a refusal and a duplicate are results like any other) {
  arrive(1, deposit_json(1, "ann", 10));
  arrive(2, deposit_json(1, "ann", 10));
  answer(entries->at(0).from.tag, outcome::insufficient_funds);
  answer(entries->at(1).from.tag, outcome::duplicate);
  beat();
  CAF_CHECK_EQUAL(results->published.size(), 2u);
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::acknowledge), 1u);
  CAF_CHECK_EQUAL(source->count("receipt.2", settlement::acknowledge), 1u);
}

CAF_TEST(an entry that fails by its own fault is tried three times and then parked) {
  arrive(1, deposit_json(1, "ann", 10));
  for (std::size_t attempt = 0; attempt < 3; ++attempt) {
    CAF_REQUIRE_EQUAL(entries->size(), attempt + 1);
    CAF_CHECK(results->published.empty());
    fail(entries->at(attempt).from.tag);
    pass(std::chrono::milliseconds{2000});
  }
  CAF_CHECK_EQUAL(entries->size(), 3u);
  CAF_REQUIRE_EQUAL(results->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(results->published[0], "Ledgerd-Reason"), "ATTEMPTS_EXHAUSTED");
  CAF_CHECK_EQUAL(header_of(results->published[0], "Ledgerd-Detail"), "refused by the database");
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::terminate), 1u);
}

CAF_TEST(an open circuit stops the pull and what is held is kept alive) {
  arrive(1, deposit_json(1, "ann", 10));
  caf::anon_send(subject, circuit_atom_v, true);
  consume_messages();
  CAF_CHECK_EQUAL(source->room, 0u);
  for (int beats = 0; beats < 20; ++beats) {
    caf::anon_send(subject, pulse_atom_v, true);
    pass(std::chrono::milliseconds{500});
  }
  CAF_CHECK_GREATER_OR_EQUAL(source->count("receipt.1", settlement::progress), 5u);
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::hand_back), 0u);
  caf::anon_send(subject, circuit_atom_v, false);
  consume_messages();
  CAF_CHECK_EQUAL(source->room, 3u);
}

CAF_TEST(a node that stands still takes nothing more and lets the leases run out) {
  results->confirm_at_once = false;
  arrive(1, deposit_json(1, "ann", 10));
  for (int beats = 0; beats < 40; ++beats) {
    caf::anon_send(subject, pulse_atom_v, false);
    pass(std::chrono::milliseconds{500});
  }
  CAF_CHECK_EQUAL(source->room, 0u);
  const auto renewed = source->count("receipt.1", settlement::progress);
  CAF_CHECK_GREATER_OR_EQUAL(renewed, 1u);
  CAF_CHECK_LESS_OR_EQUAL(renewed, 3u); // in the first three seconds
  // What is held all the same is finished when the fault ends.
  caf::anon_send(subject, pulse_atom_v, true);
  consume_messages();
  CAF_CHECK_EQUAL(source->room, 0u);
  answer(entries->at(0).from.tag, outcome::applied);
  results->answer(entries->at(0).from.tag, true);
  consume_messages();
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::acknowledge), 1u);
  beat();
  CAF_CHECK_EQUAL(source->room, 4u);
}

CAF_TEST(without a PubAck the report says since when) {
  results->confirm_at_once = false;
  arrive(1, deposit_json(1, "ann", 10));
  answer(entries->at(0).from.tag, outcome::applied);
  results->answer(entries->at(0).from.tag, false, "maximum bytes exceeded");
  pass(std::chrono::milliseconds{6000});
  auto waited = std::make_shared<standstill>();
  ask(
      subject, [waited](const actor_report& got) { *waited = got.wait; }, report_atom_v);
  consume_messages();
  CAF_CHECK_EQUAL(waited->since.count(), 6000);
  CAF_CHECK_EQUAL(waited->what, "no PubAck: maximum bytes exceeded");
}

CAF_TEST(draining finishes what it can and hands back the rest at the deadline) {
  results->confirm_at_once = false;
  arrive(1, deposit_json(1, "ann", 10));
  arrive(2, deposit_json(2, "ann", 10));
  auto summary = std::make_shared<std::optional<drain_summary>>();
  ask(
      subject, [summary](const drain_summary& got) { *summary = got; }, drain_atom_v,
      std::int64_t{2000});
  consume_messages();
  CAF_CHECK(source->closed);
  answer(entries->at(0).from.tag, outcome::applied);
  results->answer(entries->at(0).from.tag, true);
  consume_messages();
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::acknowledge), 1u);
  CAF_CHECK(!summary->has_value());
  source->room = 0;
  caf::anon_send(subject, pulse_atom_v, true);
  consume_messages();
  CAF_CHECK_EQUAL(source->room, 0u); // nothing more is asked for
  pass(std::chrono::milliseconds{2500});
  CAF_REQUIRE(summary->has_value());
  CAF_CHECK_EQUAL((*summary)->settled, 1u);
  CAF_CHECK_EQUAL((*summary)->handed_back, 1u);
  CAF_CHECK_EQUAL(source->count("receipt.2", settlement::hand_back), 1u);
}

CAF_TEST(what the broker had sent when the source was closed is handed back) {
  fetcher_fixture here{std::chrono::milliseconds{250}};
  auto summary = std::make_shared<std::optional<drain_summary>>();
  here.ask(
      here.subject, [summary](const drain_summary& got) { *summary = got; }, drain_atom_v,
      std::int64_t{2000});
  here.consume_messages();
  CAF_CHECK(!summary->has_value());
  here.pass(std::chrono::milliseconds{100});
  here.arrive(1, deposit_json(1, "ann", 10));
  here.pass(std::chrono::milliseconds{300});
  CAF_REQUIRE(summary->has_value());
  CAF_CHECK_EQUAL((*summary)->handed_back, 1u);
  CAF_CHECK_EQUAL(here.source->count("receipt.1", settlement::hand_back), 1u);
}

CAF_TEST(a request in a currency that was inserted a moment ago is decided) {
  arrive(1, R"({"recordId":1,"userId":"ann","amount":"25.00","currency":"EUR"})");
  arrive(2, R"({"recordId":2,"userId":"ann","amount":"25.00","currency":"QQQ"})");
  arrive(3, deposit_json(3, "ann", 10));
  pass(std::chrono::milliseconds{600});
  CAF_CHECK(results->published.empty());
  CAF_REQUIRE_EQUAL(entries->size(), 1u); // the one behind them
  table->add({{*currency_code::parse("EUR"), 2}});
  lookup->finish();
  pass(std::chrono::milliseconds{200});
  CAF_REQUIRE_EQUAL(entries->size(), 2u);
  CAF_CHECK(entries->back().asked.amount == money{2500});
  // What is none after a look is parked, and only then.
  CAF_REQUIRE_EQUAL(results->published.size(), 1u);
  CAF_CHECK_EQUAL(header_of(results->published.front(), "Ledgerd-Reason"), "INVALID_FIELD");
}

CAF_TEST(credit is in bytes as well and an oversize payload is held once) {
  results->confirm_at_once = false;
  source->room_bytes = 0;
  arrive(1, std::string(300 << 10, 'x')); // too large: parked at once
  CAF_REQUIRE_EQUAL(results->published.size(), 1u);
  CAF_CHECK_LESS(source->room_bytes, (1u << 20) - (300u << 10));
  CAF_CHECK_LESS((1u << 20) - (301u << 10), source->room_bytes);
  results->answer(results->published[0].token, true);
  consume_messages();
  beat();
  CAF_CHECK_EQUAL(source->room_bytes, 1u << 20);
}

CAF_TEST(no room in bytes is no room at all) {
  results->confirm_at_once = false;
  arrive(1, std::string(1 << 20, 'x'));
  CAF_CHECK_EQUAL(source->room, 0u);
  CAF_CHECK_EQUAL(source->room_bytes, 0u);
}

CAF_TEST(a dead letter that its stream finds too large is cut to what the stream takes) {
  results->confirm_at_once = false;
  arrive(1, std::string(300 << 10, 'x'));
  const auto token = results->published.at(0).token;
  results->answer({token, publish_outcome::too_large, "message size exceeds maximum", 10000});
  consume_messages();
  CAF_REQUIRE_EQUAL(results->published.size(), 2u); // at once
  CAF_CHECK_LESS(results->published[1].payload.size(), 10000u);
  CAF_CHECK_EQUAL(results->published[1].message_id, results->published[0].message_id);
  CAF_CHECK_EQUAL(header_of(results->published[1], "Ledgerd-Truncated"), std::to_string(300 << 10));
  CAF_CHECK(source->settled.empty());
  results->answer(token, true);
  consume_messages();
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::terminate), 1u);
}

CAF_TEST(letters that can never be stored give their credit back and are not terminated) {
  results->confirm_at_once = false;
  for (std::uint64_t seq = 1; seq <= 4; ++seq)
    arrive(seq, "{");
  CAF_CHECK_EQUAL(source->room, 0u);
  for (const auto& letter : std::exchange(results->published, {}))
    results->answer({letter.token, publish_outcome::refused, "never"});
  consume_messages();
  beat();
  CAF_CHECK_EQUAL(source->room, 4u);
  for (std::uint64_t seq = 1; seq <= 4; ++seq) {
    CAF_CHECK_EQUAL(source->count("receipt." + std::to_string(seq), settlement::postpone), 1u);
    CAF_CHECK_EQUAL(source->count("receipt." + std::to_string(seq), settlement::terminate), 0u);
  }
  arrive(5, deposit_json(5, "ann", 10));
  CAF_CHECK_EQUAL(entries->size(), 1u);
  pass(std::chrono::milliseconds{600});
  const auto said = unplaced_letters(); // and the node is not ready
  CAF_CHECK_NOT_EQUAL(said.find("4 letters are not stored"), std::string::npos);
  CAF_CHECK_NOT_EQUAL(said.find("never"), std::string::npos);
}

CAF_TEST(letters whose stream is away give their credit back after some patience) {
  results->confirm_at_once = false;
  for (std::uint64_t seq = 1; seq <= 4; ++seq)
    arrive(seq, "{");
  for (int second = 0; second < 8; ++second) {
    for (const auto& letter : std::exchange(results->published, {}))
      results->answer(letter.token, false, "no stream takes this subject");
    consume_messages();
    pass(std::chrono::milliseconds{1000});
    if (second == 1)
      CAF_CHECK_EQUAL(source->room, 0u);
  }
  CAF_CHECK_EQUAL(source->room, 4u);
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::postpone), 1u);
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::terminate), 0u);
}

CAF_TEST(a result without PubAck keeps its credit however long it takes) {
  results->confirm_at_once = false;
  arrive(1, deposit_json(1, "ann", 10));
  answer(entries->at(0).from.tag, outcome::applied);
  for (int second = 0; second < 8; ++second) {
    for (const auto& letter : std::exchange(results->published, {}))
      results->answer(letter.token, false, "maximum bytes exceeded");
    consume_messages();
    pass(std::chrono::milliseconds{1000});
  }
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::postpone), 0u);
  CAF_CHECK_EQUAL(source->room, 3u);
}

CAF_TEST_FIXTURE_SCOPE_END()
