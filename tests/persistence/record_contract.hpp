// What every record store must do. Included once for each implementation, after CAF_SUITE, the test
// kit and a fixture:
//
//   struct record_world {
//     std::unique_ptr<record_store> store();    // another store on the same records
//     memory_record_database::content content(); // what is stored now
//     void pass(std::chrono::milliseconds time); // as if so much time had passed
//   };
#pragma once

#include <chrono>
#include <limits>
#include <thread>

#include "tests/persistence/records.hpp"
#include "tests/support/memory_record_store.hpp"

namespace {

using namespace std::chrono_literals;

// Whether nothing but one settled record, told by `outcome`, came of a verdict.
bool is_known(const std::vector<ledgerd::settled>& answers,
              const ledgerd::transaction_record& stored) {
  return answers.size() == 1 && answers.front().outcome == ledgerd::settle_outcome::known
         && answers.front().record == stored;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(record_contract, record_world)

CAF_TEST(empty batches are answered) {
  const auto store = this->store();
  CAF_CHECK(done(store->record({})).empty());
  CAF_CHECK(done(store->settle({})).empty());
  CAF_CHECK(done(store->find({})).empty());
  CAF_CHECK(done(store->claim(0ms, 10)).empty());
}

CAF_TEST(a new record is pending) {
  const auto answers = done(store()->record({{ask("ann", 100), "k"}}));
  CAF_REQUIRE_EQUAL(answers.size(), 1u);
  const auto& row = answers.front().record;
  CAF_CHECK(answers.front().outcome == record_outcome::recorded);
  CAF_CHECK(row.asked == ask("ann", 100));
  CAF_CHECK(row.status == record_status::pending);
  CAF_CHECK(!row.transaction && !row.balance_after && row.reason.empty());
  CAF_CHECK(to_int(row.id) >= 1'000'000'000'000'000);
  CAF_CHECK(to_int(row.id) < 1LL << 53);
  CAF_CHECK(to_int(row.created_at) > 1'700'000'000'000'000);
  CAF_CHECK(row.created_at == row.updated_at);
  CAF_CHECK(content() == (memory_record_database::content{{row.id, row}}));
}

CAF_TEST(the same key and content is the same record) {
  const auto first = done(store()->record({{ask("ann", 100), "k"}}));
  const auto again = done(store()->record({{ask("ann", 100), "k"}}));
  CAF_CHECK(again.front().outcome == record_outcome::repeated);
  CAF_CHECK(again.front().record == first.front().record);
  CAF_CHECK_EQUAL(content().size(), 1u);
}

CAF_TEST(the same key and other content is a conflict) {
  const auto first = done(store()->record({{ask("ann", 100), "k"}}));
  auto euro = ask("ann", 100);
  euro.account.currency = *currency_code::parse("EUR");
  const auto again = done(store()->record({{ask("ann", 101), "k"},
                                           {ask("bob", 100), "k"},
                                           {euro, "k"},
                                           {ask("ann", 100, movement::withdrawal), "k"},
                                           {ask("ann", 100), "other"}}));
  CAF_CHECK(
      outcomes(again)
      == (std::vector{record_outcome::conflict, record_outcome::conflict, record_outcome::conflict,
                      record_outcome::conflict, record_outcome::recorded}));
  for (std::size_t i = 0; i < 4; ++i)
    CAF_CHECK(again[i].record == first.front().record);
  CAF_CHECK_EQUAL(content().size(), 2u);
}

CAF_TEST(records without a key are never the same) {
  const auto answers =
      done(store()->record({{ask("ann", 1), ""}, {ask("ann", 1), ""}, {ask("bob", 2), ""}}));
  CAF_CHECK(outcomes(answers) == (std::vector(3, record_outcome::recorded)));
  for (const auto& each : answers)
    CAF_CHECK(content().at(each.record.id) == each.record);
  CAF_CHECK_EQUAL(content().size(), 3u);
  CAF_CHECK(answers[0].record.asked == ask("ann", 1));
  CAF_CHECK(answers[2].record.asked == ask("bob", 2));
}

CAF_TEST(a key that stands in a batch twice is recorded once) {
  const auto answers = done(store()->record({{ask("zoe", 3), "z"},
                                             {ask("ann", 1), "a"},
                                             {ask("zoe", 3), "z"},
                                             {ask("eve", 9), ""},
                                             {ask("ann", 2), "a"},
                                             {ask("ann", 1), "a"}}));
  using enum record_outcome;
  CAF_CHECK(outcomes(answers)
            == (std::vector{recorded, recorded, repeated, recorded, conflict, repeated}));
  CAF_CHECK(answers[2].record == answers[0].record);
  CAF_CHECK(answers[4].record == answers[1].record);
  CAF_CHECK(answers[5].record == answers[1].record);
  CAF_CHECK(answers[3].record.asked == ask("eve", 9));
  CAF_CHECK_EQUAL(content().size(), 3u);
  // And so it is when the key is known before.
  const auto again = done(store()->record({{ask("ann", 2), "a"}, {ask("ann", 1), "a"}}));
  CAF_CHECK(outcomes(again) == (std::vector{conflict, repeated}));
}

CAF_TEST(known and new keys mix in any order) {
  const auto store = this->store();
  std::vector<new_record> batch;
  for (int i = 0; i < 300; ++i)
    batch.push_back({ask("user-" + std::to_string(i), 1 + i),
                     i % 3 == 0 ? std::string() : std::to_string(i * 7919 % 300)});
  std::vector<new_record> half;
  for (std::size_t i = 0; i < batch.size(); i += 2)
    half.push_back(batch[i]);
  const auto first = done(store->record(half));
  const auto all = done(store->record(batch));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    CAF_CHECK(all[i].record.asked == batch[i].asked);
    const bool known = i % 2 == 0 && !batch[i].idempotency_key.empty();
    CAF_CHECK(all[i].outcome == (known ? record_outcome::repeated : record_outcome::recorded));
    if (known)
      CAF_CHECK(all[i].record == first[i / 2].record);
    CAF_CHECK(content().at(all[i].record.id) == all[i].record);
  }
  CAF_CHECK_EQUAL(content().size(), 350u);
}

CAF_TEST(any text is a user and a key) {
  const std::vector<std::string> texts{"\"",   "\\",   "'",      "{}", ",",
                                       "NULL", "null", " ",      "$1", "--",
                                       "A",    "a",    "\\\"",   "%s", "\xed\x95\x9c\xea\xb5\xad",
                                       "é",    "Z",    "{\"a\"}"};
  std::vector<new_record> batch;
  for (const auto& text : texts)
    batch.push_back({ask(text, 1), text});
  const auto store = this->store();
  const auto first = done(store->record(batch));
  const auto again = done(store->record(batch));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CAF_CHECK(first[i].outcome == record_outcome::recorded);
    CAF_CHECK_EQUAL(first[i].record.asked.account.user_id, texts[i]);
    CAF_CHECK(again[i].outcome == record_outcome::repeated);
    CAF_CHECK(again[i].record == first[i].record);
  }
}

CAF_TEST(a verdict settles its record) {
  const auto store = this->store();
  const auto made = done(store->record({{ask("ann", 100), ""}, {ask("bob", 7), "b"}}));
  pass(1ms);
  const auto answers = done(store->settle(
      {failure(made[1].record.id, ask("bob", 7)), success(made[0].record.id, ask("ann", 100))}));
  CAF_CHECK(outcomes(answers) == (std::vector(2, settle_outcome::settled)));
  const auto &bob = answers[0].record, &ann = answers[1].record;
  CAF_CHECK(bob.status == record_status::failed && bob.reason == "INSUFFICIENT_FUNDS");
  CAF_CHECK(ann.status == record_status::success && ann.reason.empty());
  for (const auto& row : {ann, bob}) {
    CAF_CHECK(row.transaction == transaction_id{7} && row.balance_after == money{500});
    CAF_CHECK(row.updated_at > row.created_at);
    CAF_CHECK(content().at(row.id) == row);
  }
  CAF_CHECK(ann.id == made[0].record.id && ann.asked == ask("ann", 100));
}

CAF_TEST(a verdict is for ever) {
  const auto store = this->store();
  const auto id = done(store->record({{ask("ann", 100), ""}})).front().record.id;
  const auto first = done(store->settle({success(id, ask("ann", 100))})).front().record;
  CAF_CHECK(is_known(done(store->settle({success(id, ask("ann", 100))})), first));
  CAF_CHECK(content().at(id) == first);
}

CAF_TEST(a verdict that says otherwise than the record is contrary and changes nothing) {
  const auto store = this->store();
  const auto ann = ask("ann", 100);
  const auto id = done(store->record({{ann, ""}})).front().record.id;
  const auto first = done(store->settle({success(id, ann)})).front().record;
  auto other_transaction = success(id, ann);
  other_transaction.transaction = transaction_id{8};
  auto other_balance = success(id, ann);
  other_balance.balance_after = money{501};
  for (const auto& told : {failure(id, ann), success(id, ask("eve", 1)), other_transaction,
                           other_balance, parked(id, ann, "RECORD_ID_CONFLICT")}) {
    const auto answer = done(store->settle({told})).front();
    CAF_CHECK(answer.outcome == settle_outcome::contrary);
    CAF_CHECK(answer.record == first);
  }
  CAF_CHECK(content().at(id) == first);
}

CAF_TEST(a parked request ends its record with the reason of the letter) {
  const auto store = this->store();
  const auto ann = ask("ann", 100);
  const auto id = done(store->record({{ann, ""}})).front().record.id;
  const auto answer = done(store->settle({parked(id, ann, "INVALID_FIELD")})).front();
  CAF_CHECK(answer.outcome == settle_outcome::settled);
  CAF_CHECK(answer.record.status == record_status::failed);
  CAF_CHECK_EQUAL(answer.record.reason, "INVALID_FIELD");
  CAF_CHECK(!answer.record.transaction && !answer.record.balance_after);
  CAF_CHECK(content().at(id) == answer.record);
  CAF_CHECK(is_known(done(store->settle({parked(id, ann, "INVALID_FIELD")})), answer.record));
  // The ledger's own verdict that comes all the same is not passed over.
  CAF_CHECK(done(store->settle({success(id, ann)})).front().outcome == settle_outcome::contrary);
  CAF_CHECK(content().at(id) == answer.record);
  // A copy that is parked beside one that was decided changes nothing.
  const auto bob = done(store->record({{ann, ""}})).front().record.id;
  const auto decided = done(store->settle({success(bob, ann)})).front().record;
  CAF_CHECK(is_known(done(store->settle({parked(bob, ann, "ATTEMPTS_EXHAUSTED")})), decided));
  CAF_CHECK(done(store->settle({parked(record_id{3}, ann, "INVALID_FIELD")})).front().outcome
            == settle_outcome::unknown);
}

CAF_TEST(a letter about another request leaves the record alone) {
  const auto store = this->store();
  const auto ann = ask("ann", 100);
  auto euro = ann;
  euro.account.currency = *currency_code::parse("EUR");
  auto stands = done(store->record({{ann, ""}})).front().record;
  for (const bool decided : {false, true}) {
    if (decided)
      stands = done(store->settle({success(stands.id, ann)})).front().record;
    for (const auto& other : {ask("eve", 100), ask("Ann", 100), ask("ann", 99), euro,
                              ask("ann", 100, movement::withdrawal), submission{}}) {
      const auto answer = done(store->settle({parked(stands.id, other, "INVALID_FIELD")})).front();
      CAF_CHECK(answer.outcome == settle_outcome::unrelated);
      CAF_CHECK(answer.record == stands && content().at(stands.id) == stands);
    }
  }
}

CAF_TEST(a letter about another request does not stand before the one about its own) {
  const auto store = this->store();
  const auto ann = ask("ann", 1), bob = ask("bob", 2);
  const auto made = done(store->record({{ann, ""}, {bob, ""}}));
  const auto first = made[0].record.id, second = made[1].record.id;
  const auto answers = done(store->settle(
      {parked(second, ann, "INVALID_FIELD"), parked(first, bob, "MALFORMED_JSON"),
       parked(first, ann, "ATTEMPTS_EXHAUSTED"), parked(first, ann, "RECORD_ID_CONFLICT"),
       parked(first, bob, "MALFORMED_JSON"), parked(record_id{1}, ann, "INVALID_FIELD")}));
  using enum settle_outcome;
  const std::vector expected{unrelated, unrelated, settled, contrary, unrelated, unknown};
  CAF_CHECK(outcomes(answers) == expected);
  CAF_CHECK(content().at(first).reason == "ATTEMPTS_EXHAUSTED");
  CAF_CHECK(content().at(second) == made[1].record);
}

CAF_TEST(a record id that was decided with other content fails) {
  const auto store = this->store();
  auto euro = ask("ann", 100);
  euro.account.currency = *currency_code::parse("EUR");
  for (const auto& other :
       {ask("eve", 100), ask("ann", 99), euro, ask("ann", 100, movement::withdrawal)}) {
    const auto id = done(store->record({{ask("ann", 100), ""}})).front().record.id;
    const auto answer = done(store->settle({success(id, other)})).front();
    CAF_CHECK(answer.outcome == settle_outcome::conflict);
    CAF_CHECK(answer.record.status == record_status::failed);
    CAF_CHECK_EQUAL(answer.record.reason, reason_record_id_conflict);
    CAF_CHECK(!answer.record.transaction && !answer.record.balance_after);
    CAF_CHECK(answer.record.asked == ask("ann", 100));
    CAF_CHECK(content().at(id) == answer.record);
    // Told again in the same way, whatever comes.
    const auto again = done(store->settle({success(id, ask("ann", 100))})).front();
    CAF_CHECK(again.outcome == settle_outcome::conflict && again.record == answer.record);
  }
}

CAF_TEST(a verdict without a record is unknown) {
  const auto store = this->store();
  const auto id = done(store->record({{ask("ann", 100), ""}})).front().record.id;
  const auto answers =
      done(store->settle({success(record_id{1}, ask("ann", 100)), success(id, ask("ann", 100)),
                          success(record_id{2}, ask("ann", 100))}));
  CAF_CHECK(
      outcomes(answers)
      == (std::vector{settle_outcome::unknown, settle_outcome::settled, settle_outcome::unknown}));
  CAF_CHECK_EQUAL(content().size(), 1u);
}

CAF_TEST(of two verdicts in a batch the first decides) {
  const auto store = this->store();
  const auto made = done(store->record({{ask("ann", 1), ""}, {ask("bob", 2), ""}}));
  const auto ann = made[0].record.id, bob = made[1].record.id;
  const auto answers =
      done(store->settle({failure(bob, ask("bob", 2)), success(ann, ask("eve", 1)),
                          success(bob, ask("bob", 2)), success(ann, ask("ann", 1)),
                          success(record_id{1}, ask("x", 1)), success(record_id{1}, ask("x", 1))}));
  using enum settle_outcome;
  CAF_CHECK(outcomes(answers)
            == (std::vector{settled, conflict, contrary, conflict, unknown, unknown}));
  CAF_CHECK(answers[2].record == answers[0].record);
  CAF_CHECK(answers[2].record.status == record_status::failed);
  CAF_CHECK(answers[3].record == answers[1].record);
}

CAF_TEST(records are found by id) {
  const auto store = this->store();
  const auto made = done(store->record({{ask("ann", 1), ""}, {ask("bob", 2), ""}}));
  const auto found = done(store->find({made[1].record.id, record_id{5}, made[1].record.id}));
  CAF_REQUIRE_EQUAL(found.size(), 1u);
  CAF_CHECK(found.front() == made[1].record);
}

CAF_TEST(what the table cannot hold is rejected whole) {
  const auto store = this->store();
  const auto is_rejected = [&](const new_record& bad) {
    return kind_of(store->record({{ask("ann", 1), "good"}, bad})) == store_failure_kind::rejected;
  };
  CAF_CHECK(is_rejected({ask("", 1), ""}));
  CAF_CHECK(is_rejected({ask(std::string(129, 'x'), 1), ""}));
  CAF_CHECK(is_rejected({ask(std::string("a\0b", 3), 1), ""}));
  CAF_CHECK(is_rejected({ask("ann", 0), ""}));
  CAF_CHECK(is_rejected({ask("ann", 1), std::string(256, 'k')}));
  CAF_CHECK(content().empty());
  const auto made = done(store->record({{ask("ann", 1), "good"}, {ask("bob", 2), ""}}));
  const auto ann = made[0].record.id, bob = made[1].record.id;
  const auto breaks = [&](const record_verdict& bad) {
    return kind_of(store->settle({success(bob, ask("bob", 2)), bad}))
           == store_failure_kind::rejected;
  };
  auto bad = success(ann, ask("ann", 1));
  bad.balance_after = money{-1};
  CAF_CHECK(breaks(bad));
  bad = success(ann, ask("ann", 1));
  bad.transaction = transaction_id{0};
  CAF_CHECK(breaks(bad));
  bad = success(ann, ask("ann", 1));
  bad.reason = "INSUFFICIENT_FUNDS";
  CAF_CHECK(breaks(bad));
  CAF_CHECK(breaks(failure(ann, ask("ann", 1), "")));
  CAF_CHECK(breaks(failure(ann, ask("ann", 1), "MOOD")));
  CAF_CHECK(content().at(bob).status == record_status::pending);
}

CAF_TEST(two stores that are given the same keys at once record each once) {
  constexpr int rounds = 60, size = 20;
  std::vector<std::vector<recorded>> seen[2];
  const auto work = [](record_store& store, bool backwards, auto& answers) {
    for (int round = 0; round < rounds; ++round) {
      std::vector<new_record> batch;
      for (int k = 0; k < size; ++k)
        batch.push_back({ask("ann", 1 + k), "k" + std::to_string(round * size + k)});
      if (backwards)
        std::reverse(batch.begin(), batch.end());
      auto result = store.record(batch);
      if (const auto answered = std::get_if<std::vector<recorded>>(&result)) {
        if (backwards)
          std::reverse(answered->begin(), answered->end());
        answers.push_back(*answered);
      }
    }
  };
  const auto ours = store(), theirs = store();
  std::thread other([&] { work(*theirs, true, seen[1]); });
  work(*ours, false, seen[0]);
  other.join();
  CAF_REQUIRE_EQUAL(seen[0].size() + seen[1].size(), 2u * rounds);
  for (std::size_t round = 0; round < rounds; ++round)
    for (std::size_t k = 0; k < size; ++k) {
      const auto &one = seen[0][round][k], &two = seen[1][round][k];
      CAF_CHECK(one.record == two.record);
      CAF_CHECK((one.outcome == record_outcome::recorded)
                != (two.outcome == record_outcome::recorded));
    }
  CAF_CHECK_EQUAL(content().size(), static_cast<std::size_t>(rounds) * size);
}

CAF_TEST(two stores that are given the same verdicts at once settle each once) {
  constexpr std::size_t rounds = 40, size = 20;
  const auto ours = store(), theirs = store();
  std::vector<record_verdict> verdicts;
  for (std::size_t i = 0; i < rounds * size; ++i)
    verdicts.push_back(success(done(ours->record({{ask("ann", 1), ""}})).front().record.id,
                               ask("ann", i % 5 == 0 ? 2 : 1)));
  std::map<record_id, std::vector<settled>> seen[2];
  const auto work = [&](record_store& store, bool backwards, auto& answers) {
    for (std::size_t round = 0; round < rounds; ++round) {
      const auto first = verdicts.begin() + static_cast<long>(round * size);
      std::vector<record_verdict> batch(first, first + size);
      if (backwards)
        std::reverse(batch.begin(), batch.end());
      auto result = store.settle(batch);
      if (const auto answered = std::get_if<std::vector<settled>>(&result))
        for (std::size_t i = 0; i < size; ++i)
          answers[batch[i].id].push_back((*answered)[i]);
    }
  };
  std::thread other([&] { work(*theirs, true, seen[1]); });
  work(*ours, false, seen[0]);
  other.join();
  const auto now = content();
  for (const auto& verdict : verdicts) {
    CAF_REQUIRE(seen[0][verdict.id].size() == 1 && seen[1][verdict.id].size() == 1);
    const auto &one = seen[0][verdict.id].front(), &two = seen[1][verdict.id].front();
    CAF_CHECK(one.record == two.record && one.record == now.at(verdict.id));
    if (verdict.decided == ask("ann", 1))
      CAF_CHECK(
          (one.outcome == settle_outcome::settled && two.outcome == settle_outcome::known)
          || (one.outcome == settle_outcome::known && two.outcome == settle_outcome::settled));
    else
      CAF_CHECK(one.outcome == settle_outcome::conflict && two.outcome == one.outcome);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

#include "tests/persistence/record_claim_contract.hpp"
