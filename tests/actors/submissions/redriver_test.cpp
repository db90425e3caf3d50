#define CAF_SUITE redriver

#include "actors/submissions/ledger_client.hpp"
#include "actors/submissions/redriver.hpp"

#include "tests/actors/submissions/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

constexpr auto age = 1000ms;

struct redriver_fixture : account_fixture {
  std::shared_ptr<fake_inquirer> ledger = std::make_shared<fake_inquirer>();
  std::shared_ptr<std::vector<transaction_record>> told =
      std::make_shared<std::vector<transaction_record>>();
  redriver_actor subject;

  redriver_fixture() {
    const auto client = started_actor(sys.spawn(ledger_client, ledger_client_options{ledger}));
    subject = started_actor(sys.spawn(redriver, redriver_options{.recorder = spawn_recorder(),
                                                                 .intake = spawn_fake_intake(told),
                                                                 .ledger_client = client,
                                                                 .requests = publisher,
                                                                 .currencies = currencies,
                                                                 .redrive_after = age}));
    consume_messages();
  }

  // Both clocks: the database's and the actors'.
  void live(std::chrono::milliseconds duration) {
    database->pass(duration);
    pass(duration);
  }

  void answer_last(const std::vector<posting>& rows) {
    CAF_REQUIRE(!ledger->asked.empty());
    ledger->answer(ledger->asked.back().token, true, encode_verdicts(rows, *currencies));
    consume_messages();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(redriver_tests, redriver_fixture)

CAF_TEST(young records are left alone) {
  pending_record();
  live(900ms);
  CAF_CHECK(ledger->asked.empty());
}

CAF_TEST(an undecided record is published again under an id of its own) {
  const auto record = pending_record();
  live(1500ms);
  CAF_REQUIRE_EQUAL(ledger->asked.size(), 1u);
  CAF_CHECK_EQUAL(ledger->asked.front().subject, "ledgerd.api.verdicts");
  answer_last({});
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  const auto& letter = publisher->published.front();
  CAF_CHECK_NOT_EQUAL(letter.message_id, std::to_string(to_int(record.id)));
  CAF_CHECK_EQUAL(letter.payload, make_request(0, record, 0, 0).payload);
  live(5000ms);
  answer_last({});
  CAF_REQUIRE_EQUAL(publisher->published.size(), 2u);
  CAF_CHECK_NOT_EQUAL(publisher->published[0].message_id, publisher->published[1].message_id);
}

CAF_TEST(a decided record is settled from the ledger and not published) {
  const auto ann = pending_record("ann");
  const auto bob = pending_record("bob");
  live(1500ms);
  answer_last({decided(ann)});
  CAF_CHECK(stored(ann.id).status == record_status::success);
  CAF_CHECK(stored(bob.id).status == record_status::pending);
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  CAF_CHECK_EQUAL(publisher->published.front().payload, make_request(0, bob, 0, 0).payload);
  CAF_REQUIRE_EQUAL(told->size(), 1u);
  CAF_CHECK(told->front().id == ann.id);
}

CAF_TEST(a record in a currency that is not known here is left to other nodes) {
  memory_record_store elsewhere{database};
  const submission in_euro{{"ann", *currency_code::parse("EUR")}, movement::deposit, money{10}};
  CAF_REQUIRE(std::holds_alternative<std::vector<recorded>>(elsewhere.record({{in_euro, {}}})));
  const auto record = pending_record();
  live(1500ms);
  answer_last({});
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  CAF_CHECK_EQUAL(publisher->published.front().payload, make_request(0, record, 0, 0).payload);
}

CAF_TEST(while the ledger is silent nothing is published) {
  pending_record();
  live(1500ms);
  CAF_REQUIRE_EQUAL(ledger->asked.size(), 1u);
  ledger->answer(ledger->asked.back().token, false);
  consume_messages();
  CAF_CHECK(publisher->published.empty());
  live(5000ms);
  CAF_CHECK_GREATER(ledger->asked.size(), 1u);
  answer_last({});
  CAF_CHECK_EQUAL(publisher->published.size(), 1u);
}

CAF_TEST(a claim that the ledger did not answer is not lost) {
  const auto record = pending_record();
  live(1500ms);
  CAF_REQUIRE_EQUAL(ledger->asked.size(), 1u);
  const auto claimed = stored(record.id).updated_at;
  std::size_t told = 0;
  for (int i = 0; i < 12; ++i) {
    for (; told < ledger->asked.size(); ++told)
      ledger->answer(ledger->asked[told].token, false);
    consume_messages();
    live(1000ms);
  }
  // Asked again and again, with growing pauses, and nothing was claimed anew.
  CAF_CHECK_GREATER(ledger->asked.size(), 3u);
  CAF_CHECK_LESS(ledger->asked.size(), 10u);
  CAF_CHECK(stored(record.id).updated_at == claimed);
  for (int i = 0; i < 40 && ledger->asked.size() == told; ++i)
    live(1000ms);
  answer_last({});
  CAF_CHECK_EQUAL(publisher->published.size(), 1u);
}

CAF_TEST(one refused verdict of many holds up none of the others) {
  std::vector<posting> rows;
  for (int i = 0; i < 20; ++i)
    rows.push_back(decided(pending_record(std::to_string(i))));
  store->reject_transaction(rows[7].id);
  live(1500ms);
  answer_last(rows);
  for (std::size_t i = 0; i < rows.size(); ++i)
    CAF_CHECK((stored(rows[i].record).status == record_status::success) == (i != 7));
}

CAF_TEST(an answer that is none counts as silence) {
  pending_record();
  live(1500ms);
  ledger->answer(ledger->asked.back().token, true, "{");
  consume_messages();
  CAF_CHECK(publisher->published.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
