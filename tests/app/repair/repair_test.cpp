// Replays and discards on a broker and a ledger in memory.
#include "app/repair/repair.hpp"

#include <random>

#include "tests/app/repair/repair_fixture.hpp"

#define CAF_SUITE repair
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

CAF_TEST_FIXTURE_SCOPE(repair_tests, repair_fixture)

CAF_TEST(a dry run shows each verdict and touches nothing) {
  ledger.heads[{"anna", *currency_code::parse("KRW")}] = {money{50}, 1};
  deposit(1, "anna", 10);
  withdrawal(2, "anna", 70); // 60 by then
  withdrawal(3, "anna", 60);
  deposit(1, "anna", 10);
  deposit(1, "anna", 11);
  park("transaction.deposit", R"({"recordId":9,"userId":"anna","amount":-1})",
       dead_reason::invalid_field);
  park("transaction.deposit", "{", dead_reason::malformed_json);
  park("transaction.refund", request(12, "anna", 1), dead_reason::unknown_record);
  auto order = all();
  order.dry_run = true;
  const auto outcome = run(order);
  CAF_CHECK_EQUAL(joined(verdicts()), "SUCCESS; FAILED INSUFFICIENT_FUNDS; SUCCESS; DUPLICATE; "
                                      "PARKED RECORD_ID_CONFLICT; PARKED INVALID_FIELD; "
                                      "PARKED MALFORMED_JSON; NONE; ");
  CAF_CHECK_EQUAL(steps[2].expected.balance_after, "0");
  CAF_CHECK_EQUAL(outcome.count, 8u);
  CAF_CHECK_EQUAL(outcome.done, 4u);
  CAF_CHECK(nats.stored(names::request_stream).empty());
  CAF_CHECK(nats.stored(names::action_stream).empty());
}

CAF_TEST(a replay publishes what it can and writes down each) {
  const auto first = deposit(1, "anna", 10);
  park("transaction.deposit", "{", dead_reason::malformed_json);
  const auto outcome = run(all());
  CAF_CHECK_EQUAL(outcome.done, 1u);
  const auto& requests = nats.stored(names::request_stream);
  CAF_REQUIRE_EQUAL(requests.size(), 1u);
  CAF_CHECK_EQUAL(value_of(requests[0], "Ledgerd-Replay-Of"), std::to_string(first));
  CAF_CHECK_EQUAL(value_of(requests[0], "traceparent"), "00-1-2-01");
  CAF_CHECK_EQUAL(value_of(requests[0], "Ledgerd-Reason"), "");
  const auto& actions = nats.stored(names::action_stream);
  CAF_REQUIRE_EQUAL(actions.size(), 1u);
  const auto entry = read_action(actions[0]);
  CAF_CHECK_EQUAL(entry.what, "replay");
  CAF_CHECK_EQUAL(entry.letter, first);
  CAF_CHECK_EQUAL(entry.who, "ann@host");
  CAF_CHECK_EQUAL(entry.why, "a test");
  CAF_CHECK_EQUAL(entry.document,
                  R"({"action":"replay","letter":1,"who":"ann@host","why":"a test","recordId":1,)"
                  R"("userId":"anna","expected":{"verdict":"SUCCESS","balanceAfter":"10"}})");
  CAF_CHECK_EQUAL(nats.stored(names::dead_letter_stream).size(), 2u);
}

CAF_TEST(what happens is what the dry run said however the ledger orders it) {
  std::mt19937 random{20261126};
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 12; ++round) {
    repair_fixture fresh;
    for (const auto* user : {"anna", "bert", "carl"})
      if (below(2) == 0)
        fresh.ledger.heads[{user, *currency_code::parse("KRW")}] = {money{below(100)}, 1};
    for (int i = 0; i < 300; ++i) {
      const auto record = 1 + below(250); // some twice, with the same or another content
      const std::string user = below(3) == 0 ? "anna" : below(2) == 0 ? "bert" : "carl";
      const std::int64_t amount = below(30) == 0 ? INT64_MAX - below(50) : 1 + below(60);
      if (below(2) == 0)
        fresh.deposit(record, user, amount);
      else
        fresh.withdrawal(record, user, amount);
    }
    auto order = all();
    order.dry_run = true;
    fresh.run(order);
    std::map<record_id, std::string> said;
    for (const auto& each : fresh.steps)
      if (each.expected.what == expectation::success || each.expected.what == expectation::failed)
        said[each.expected.asked->id] =
            std::string(to_text(each.expected.what)) + each.expected.reason;
    const auto dry = joined(fresh.verdicts());
    order.dry_run = false;
    order.force = true;
    fresh.run(order);
    CAF_CHECK_EQUAL(joined(fresh.verdicts()), dry);
    fresh.ledger.work();
    CAF_CHECK_EQUAL(fresh.ledger.postings.size(), said.size());
    for (const auto& [id, row] : fresh.ledger.postings)
      CAF_CHECK_EQUAL((row.verdict == outcome::applied ? "SUCCESS" : "FAILED")
                          + std::string(reason_text(row.verdict)),
                      said[id]);
  }
}

CAF_TEST(many letters of one cause are one call) {
  for (int i = 1; i <= 3000; ++i)
    deposit(i, "user-" + std::to_string(i), 1);
  deposit(4000, "other", 1);
  park("transaction.deposit", "{", dead_reason::malformed_json, "byte 1 of the payload");
  auto order = all();
  const auto cause = cause_of("ATTEMPTS_EXHAUSTED", "the database refuses it");
  CAF_CHECK(!order.filter.set("cause", cause, 0));
  order.limit = 3000;
  const auto outcome = run(order);
  CAF_CHECK_EQUAL(outcome.done, 3000u);
  CAF_CHECK_EQUAL(outcome.next.value_or(0), 3000u);
  order.after = *outcome.next;
  const auto rest = run(order);
  CAF_CHECK_EQUAL(rest.done, 1u);
  CAF_CHECK(!rest.next);
  CAF_CHECK_EQUAL(nats.stored(names::request_stream).size(), 3001u);
  CAF_CHECK_EQUAL(nats.stored(names::action_stream).size(), 3001u);
}

CAF_TEST(what came since the dry run is neither replayed nor discarded) {
  for (int i = 1; i <= 3; ++i)
    deposit(i, "anna", 10);
  auto order = all();
  CAF_CHECK(!order.filter.set("user", "anna", 0));
  order.dry_run = true;
  const auto dry = run(order);
  CAF_CHECK_EQUAL(dry.up_to, 3u);
  const auto late = deposit(4, "anna", 10);
  order.dry_run = false;
  order.up_to = dry.up_to;
  CAF_CHECK_EQUAL(run(order).done, 3u);
  CAF_CHECK_EQUAL(nats.stored(names::request_stream).size(), 3u);
  order.what = action_kind::discard;
  const auto outcome = run(order);
  CAF_CHECK_EQUAL(outcome.done, 3u);
  CAF_CHECK_EQUAL(outcome.up_to, 3u);
  CAF_CHECK(!outcome.next);
  CAF_REQUIRE_EQUAL(nats.stored(names::dead_letter_stream).size(), 1u);
  CAF_CHECK_EQUAL(nats.stored(names::dead_letter_stream)[0].seq, late);
  order.filter = {};
  order.seqs = {late};
  CAF_CHECK_EQUAL(run(order).count, 0u);
}

CAF_TEST(a replay in parts ends though all that it sends comes back) {
  for (int i = 1; i <= 5; ++i)
    park("transaction.deposit", "{", dead_reason::malformed_json);
  auto order = all();
  order.force = true;
  order.limit = 2;
  int orders = 0;
  std::optional<std::uint64_t> next = 0;
  for (; next && orders < 10; ++orders) {
    order.after = *next;
    const auto outcome = run(order);
    order.up_to = outcome.up_to;
    next = outcome.next;
    ledger.work();
  }
  CAF_CHECK_EQUAL(orders, 3);
  CAF_CHECK_EQUAL(nats.stored(names::request_stream).size(), 5u);
}

CAF_TEST(an order that is stopped says where to go on) {
  for (int i = 1; i <= 1000; ++i)
    deposit(i, "user-" + std::to_string(i), 1);
  auto order = all();
  std::uint64_t done = 0;
  int orders = 0;
  for (std::optional<std::uint64_t> next = 0; next; ++orders) {
    order.after = *next;
    bool told = false;
    const auto outcome = run(order, [&] { return std::exchange(told, !steps.empty()); });
    done += outcome.done;
    next = outcome.next;
  }
  CAF_CHECK(orders > 1);
  CAF_CHECK_EQUAL(done, 1000u);
  CAF_CHECK_EQUAL(nats.stored(names::request_stream).size(), 1000u);
}

CAF_TEST(an edited message is validated and refused with field and rule) {
  const auto seq = park("transaction.deposit", R"({"recordId":9,"userId":"anna","amount":-1.50})",
                        dead_reason::invalid_field);
  const auto refused = [&](const repair_order& order) -> std::string {
    try {
      run(order);
      return "not refused";
    } catch (const edit_refused& why) {
      return std::string(to_text(why.reason())) + " " + why.what();
    }
  };
  auto order = all();
  order.seqs = {seq};
  order.set = {{"amount", "0.5"}};
  CAF_CHECK_EQUAL(refused(order).substr(0, 28), "INVALID_FIELD field \"amount\"");
  order.set = {};
  order.payload = "{";
  CAF_CHECK_EQUAL(refused(order).substr(0, 14), "MALFORMED_JSON");
  CAF_CHECK(nats.stored(names::request_stream).empty());
  CAF_CHECK(nats.stored(names::action_stream).empty());
  order.payload.reset();
  order.set = {{"amount", "150"}};
  CAF_CHECK_EQUAL(run(order).done, 1u);
  CAF_CHECK_EQUAL(nats.stored(names::request_stream).back().payload,
                  R"({"recordId":9,"userId":"anna","amount":"150"})");
  CAF_CHECK(read_action(nats.stored(names::action_stream).back())
                .document.ends_with(R"("changed":{"amount":"150"}})"));
  ledger.work();
  // Its record id is taken now.
  order.set = {{"amount", "151"}};
  CAF_CHECK_EQUAL(refused(order).substr(0, 18), "RECORD_ID_CONFLICT");
}

CAF_TEST(several letters are mended at once and those that cannot be stay) {
  deposit(1, "anna", -5);
  deposit(2, "bert", -7);
  park("transaction.deposit", R"({"recordId":3)", dead_reason::malformed_json);
  deposit(4, "anna", 8);
  auto order = all();
  CAF_CHECK(!order.filter.set("subject", "deposit", 0));
  order.set = {{"amount", "5"}};
  order.dry_run = true;
  order.force = true;
  CAF_CHECK_EQUAL(run(order).done, 3u);
  CAF_CHECK_EQUAL(verdicts(), (std::vector<std::string>{"SUCCESS", "SUCCESS",
                                                        "PARKED MALFORMED_JSON", "SUCCESS"}));
  CAF_CHECK(!steps.at(2).done);
  CAF_CHECK(nats.stored(names::request_stream).empty());
  order.dry_run = false;
  CAF_CHECK_EQUAL(run(order).done, 3u);
  CAF_CHECK_EQUAL(nats.stored(names::request_stream).at(1).payload,
                  R"({"recordId":2,"userId":"bert","amount":"5"})");
  for (const auto& each : nats.stored(names::action_stream))
    CAF_CHECK(read_action(each).document.ends_with(R"("changed":{"amount":"5"}})"));
  ledger.work();
  CAF_CHECK_EQUAL(ledger.postings.size(), 3u);
  // What would be parked stays, whatever is forced.
  order.set = {{"amount", "0.5"}};
  CAF_CHECK_EQUAL(run(order).done, 0u);
}

CAF_TEST(a letter that was cut is replayed only with a whole payload) {
  const auto seq = deposit(1, "anna", 10);
  nats.streams.at("TRANSACTION_DEAD_LETTERS")
      .messages.back()
      .headers.push_back({"Ledgerd-Truncated", "70000"});
  auto order = all();
  order.seqs = {seq};
  CAF_CHECK_EQUAL(run(order).done, 0u);
  CAF_CHECK_EQUAL(joined(verdicts()), "NONE; ");
  order.payload = request(1, "anna", 12);
  CAF_CHECK_EQUAL(run(order).done, 1u);
}

CAF_TEST(a letter that lost only headers is replayed as it is) {
  deposit(1, "anna", 10);
  auto& letter = nats.streams.at("TRANSACTION_DEAD_LETTERS").messages.back();
  letter.headers.push_back({"Ledgerd-Truncated", std::to_string(letter.payload.size())});
  CAF_CHECK_EQUAL(run(all()).done, 1u);
  CAF_CHECK_EQUAL(joined(verdicts()), "SUCCESS; ");
}

CAF_TEST(without a ledger letters are replayed and nothing is foretold) {
  deposit(1, "anna", 10);
  park("transaction.deposit", "{", dead_reason::malformed_json);
  with_ledger = false;
  CAF_CHECK_EQUAL(run(all()).done, 2u);
  CAF_CHECK_EQUAL(joined(verdicts()), "UNKNOWN; UNKNOWN; ");
}

CAF_TEST(a letter that has ended its record stays unless it is forced) {
  submission(1, "anna", 10);
  withdrawal(2, "anna", 10); // nothing is there to withdraw
  submission(3, "anna", 5);
  ledger.postings[record_id{3}] = {.record = record_id{3},
                                   .account = {"anna", *currency_code::parse("KRW")},
                                   .amount = money{5}};
  const auto marked_by_another = submission(4, "anna", 7);
  nats.streams.at("TRANSACTION_DEAD_LETTERS").messages.back().headers.back().value = "77";
  auto order = all();
  for (const bool dry_run : {true, false}) {
    order.dry_run = dry_run;
    CAF_CHECK_EQUAL(run(order).done, 3u);
    CAF_CHECK_EQUAL(joined(verdicts()), "ENDED; FAILED INSUFFICIENT_FUNDS; DUPLICATE; SUCCESS; ");
    CAF_CHECK(!steps.at(0).done);
    CAF_CHECK_EQUAL(steps.at(0).expected.detail,
                    "its record on the account side has ended as FAILED and stays so");
    CAF_CHECK_EQUAL(steps.at(3).seq, marked_by_another);
  }
  CAF_CHECK_EQUAL(nats.stored(names::request_stream).size(), 3u);
  order.force = true;
  order.seqs = {1};
  CAF_CHECK_EQUAL(run(order).done, 1u);
  CAF_CHECK_EQUAL(joined(verdicts()), "SUCCESS; ");
  CAF_CHECK(!steps.at(0).expected.detail.empty());
  CAF_CHECK_EQUAL(nats.stored(names::request_stream).size(), 4u);
}

CAF_TEST(a letter that has ended its record stays also mended and without a ledger) {
  const auto seq = submission(1, "anna", 10);
  auto order = all();
  order.seqs = {seq};
  order.set = {{"amount", "12"}};
  CAF_CHECK_EQUAL(run(order).done, 0u);
  CAF_CHECK_EQUAL(joined(verdicts()), "ENDED; ");
  order.set = {{"recordId", "2"}}; // another request
  CAF_CHECK_EQUAL(run(order).done, 1u);
  order.set = {};
  with_ledger = false;
  CAF_CHECK_EQUAL(run(order).done, 0u);
  CAF_CHECK_EQUAL(joined(verdicts()), "ENDED; ");
  order.force = true;
  CAF_CHECK_EQUAL(run(order).done, 1u);
  CAF_CHECK_EQUAL(joined(verdicts()), "UNKNOWN; ");
}

CAF_TEST(an emptied stream has no rest) {
  deposit(1, "anna", 10);
  deposit(2, "anna", 10);
  CAF_CHECK_EQUAL(run(all(action_kind::discard)).done, 2u);
  for (const auto what : {action_kind::discard, action_kind::replay})
    CAF_CHECK(!run(all(what)).next);
}

CAF_TEST(a discard leaves an entry and deletes the letter) {
  const auto first = deposit(1, "anna", 10);
  const auto second = deposit(2, "anna", 10);
  auto order = all(action_kind::discard);
  order.seqs = {second, 99, second};
  order.dry_run = true;
  CAF_CHECK_EQUAL(run(order).done, 1u);
  CAF_CHECK_EQUAL(nats.stored(names::dead_letter_stream).size(), 2u);
  order.dry_run = false;
  const auto outcome = run(order);
  CAF_CHECK_EQUAL(outcome.done, 1u);
  CAF_CHECK_EQUAL(outcome.missing, 1u);
  CAF_REQUIRE_EQUAL(nats.stored(names::dead_letter_stream).size(), 1u);
  CAF_CHECK_EQUAL(nats.stored(names::dead_letter_stream)[0].seq, first);
  const auto entry = read_action(nats.stored(names::action_stream).back());
  CAF_CHECK_EQUAL(entry.what, "discard");
  CAF_CHECK_EQUAL(entry.letter, second);
  CAF_CHECK_EQUAL(value_of(nats.stored(names::action_stream).back(), "Nats-Msg-Id"),
                  "discard-dead-TRANSACTIONS-1-1000002");
  nats.delete_stream(names::action_stream);
  try {
    run(all(action_kind::discard));
    CAF_ERROR("discarded without an entry");
  } catch (const std::runtime_error& why) {
    CAF_CHECK(std::string_view{why.what()}.find("TRANSACTION_ACTIONS") != std::string_view::npos);
  }
  CAF_CHECK_EQUAL(nats.stored(names::dead_letter_stream).size(), 1u);
}

CAF_TEST(an order that fails on its way says what was done and where to go on) {
  for (int i = 1; i <= 6; ++i)
    deposit(i, "user-" + std::to_string(i), 10);
  auto order = all(action_kind::discard);
  nats.on_delete = [](std::uint64_t seq) {
    if (seq == 4)
      throw std::runtime_error("the broker\ndoes not answer");
  };
  const auto outcome = run(order);
  CAF_CHECK_EQUAL(outcome.done, 3u);
  CAF_CHECK_EQUAL(outcome.failure, "the broker does not answer");
  CAF_CHECK_EQUAL(outcome.next.value_or(0), 3u);
  CAF_CHECK_EQUAL(steps.size(), 3u);
  order.after = *outcome.next;
  try {
    run(order);
    CAF_ERROR("what has done nothing has an outcome");
  } catch (const std::runtime_error& why) {
    CAF_CHECK_EQUAL(std::string(why.what()), "the broker\ndoes not answer");
  }
  nats.on_delete = nullptr;
  CAF_CHECK_EQUAL(run(order).done, 3u);
  CAF_CHECK(run(order).failure.empty());
}

CAF_TEST(few entries stand of letters that could not be deleted) {
  for (int i = 1; i <= 100; ++i)
    deposit(i, "anna", 10);
  nats.on_delete = [](std::uint64_t seq) {
    if (seq == 20)
      throw std::runtime_error("the broker does not answer");
  };
  CAF_CHECK_EQUAL(run(all(action_kind::discard)).done, 19u);
  CAF_CHECK_EQUAL(nats.stored(names::dead_letter_stream).size(), 81u);
  CAF_CHECK_EQUAL(nats.stored(names::action_stream).size(), 32u);
}

CAF_TEST(a replay that fails behind its first letters goes on behind them) {
  for (int i = 1; i <= 300; ++i)
    deposit(i, "user-" + std::to_string(i), 10);
  auto order = all();
  std::size_t published = 0;
  nats.on_publish = [&](const outgoing& message) {
    if (message.stream == names::request_stream && ++published == 280)
      throw std::runtime_error("no PubAck");
  };
  const auto outcome = run(order);
  CAF_CHECK_EQUAL(outcome.failure, "no PubAck");
  CAF_CHECK_EQUAL(outcome.next.value_or(0), outcome.count);
  CAF_CHECK(outcome.count > 0 && outcome.count < 280);
}

CAF_TEST(an order that is stopped among the actions goes on from there) {
  const auto first = deposit(1, "anna", 1);
  auto order = all();
  for (; order.origin.stamp < stamp + 10; ++order.origin.stamp)
    run(order);
  deposit(2, "anna", 1);
  CAF_CHECK(!order.filter.set("replayed", "no", 0));
  int asked = 0;
  const auto stopped = run(order, [&] { return ++asked > 3; });
  CAF_CHECK_EQUAL(stopped.count, 0u);
  CAF_CHECK_EQUAL(stopped.next.value_or(99), 0u);
  const auto rest = run(order);
  CAF_CHECK_EQUAL(rest.done, 1u);
  CAF_CHECK(steps.at(0).seq != first);
}

CAF_TEST_FIXTURE_SCOPE_END()
