#define CAF_SUITE intake

#include "actors/submissions/intake.hpp"

#include <map>

#include "actors/common/span.hpp"

#include "tests/actors/submissions/intake_fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

CAF_TEST_FIXTURE_SCOPE(intake_tests, intake_fixture)

CAF_TEST(a submission is recorded and published and answered) {
  submit(ten_won());
  CAF_REQUIRE_EQUAL(answers->size(), 1u);
  const auto& got = answers->front();
  CAF_CHECK(got.outcome == submit_outcome::accepted);
  CAF_CHECK(got.record == stored(got.record.id));
  CAF_CHECK(got.record.status == record_status::pending);
  CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
  const auto& letter = publisher->published.front();
  CAF_CHECK_EQUAL(letter.subject, "transaction.deposit");
  CAF_CHECK_EQUAL(letter.message_id, std::to_string(to_int(got.record.id)));
}

CAF_TEST(what arrives during a commit forms the next batch) {
  for (int i = 0; i < 4; ++i)
    send(ten_won());
  consume_messages();
  CAF_CHECK_EQUAL(answers->size(), 4u);
  CAF_CHECK_EQUAL(store->calls(), 2);
  CAF_CHECK_EQUAL(publisher->published.size(), 4u);
}

CAF_TEST(a repeated key gets its record and nothing is published again) {
  submit(ten_won(), "k1");
  submit(ten_won(), "k1");
  CAF_REQUIRE_EQUAL(answers->size(), 2u);
  CAF_CHECK(answers->at(1).outcome == submit_outcome::repeated);
  CAF_CHECK(answers->at(1).record.id == answers->at(0).record.id);
  CAF_CHECK_EQUAL(publisher->published.size(), 1u);
}

CAF_TEST(a key with other content is a conflict) {
  submit(ten_won("ann"), "k1");
  submit(ten_won("bob"), "k1");
  CAF_REQUIRE_EQUAL(answers->size(), 2u);
  CAF_CHECK(answers->at(1).outcome == submit_outcome::conflict);
  CAF_CHECK_EQUAL(publisher->published.size(), 1u);
}

CAF_TEST(one refused submission fails nobody but its caller) {
  store->reject_user("bad");
  send(ten_won("first")); // goes alone; the others form one batch
  for (const auto* user : {"ann", "bad", "bob"})
    send(ten_won(user));
  consume_messages();
  CAF_REQUIRE_EQUAL(answers->size(), 4u);
  std::size_t refused = 0;
  for (const auto& each : *answers)
    if (each.outcome == submit_outcome::unavailable) {
      ++refused;
      CAF_CHECK_EQUAL(each.detail, "the database refuses this request: nothing was recorded");
    } else {
      CAF_CHECK(each.outcome == submit_outcome::accepted);
      CAF_CHECK_NOT_EQUAL(each.record.asked.account.user_id, "bad");
    }
  CAF_CHECK_EQUAL(refused, 1u);
  CAF_CHECK_EQUAL(publisher->published.size(), 3u);
}

CAF_TEST(without the database nothing is recorded or published) {
  store->fail_next(1, store_failure_kind::unavailable);
  submit(ten_won());
  CAF_REQUIRE_EQUAL(answers->size(), 1u);
  CAF_CHECK(answers->front().outcome == submit_outcome::unavailable);
  CAF_CHECK(publisher->published.empty());
  submit(ten_won());
  CAF_CHECK(answers->at(1).outcome == submit_outcome::accepted);
}

CAF_TEST(a database that records nothing shows until it would again) {
  for (const auto kind : {store_failure_kind::unavailable, store_failure_kind::in_doubt,
                          store_failure_kind::blocked}) {
    store->fail_next(1000, kind);
    submit(ten_won());
    for (int i = 0; i < 20; ++i)
      pass(200ms);
    const auto wait = report_of(subject).wait;
    CAF_CHECK(wait.since >= standstill_after && wait.refused && !wait.aside);
    CAF_CHECK(wait.what.starts_with("submissions are not recorded: "));
    store->fail_next(0, kind);
    for (int i = 0; i < 7; ++i)
      pass(200ms);
    CAF_CHECK_EQUAL(report_of(subject).wait.since.count(), 0);
  }
  CAF_CHECK(database->picture().empty());
}

CAF_TEST(a table that takes nothing but an empty batch shows when many users meet it) {
  store->take_no_rows(true);
  const auto shows_with = [&](const std::vector<std::string>& users) {
    for (const auto& user : users) {
      submit(ten_won(user));
      for (int i = 0; i < 10; ++i)
        pass(200ms);
    }
    return report_of(subject).wait.since >= standstill_after;
  };
  CAF_CHECK(!shows_with({"ann", "ann", "ann", "bob"}));
  CAF_CHECK(shows_with({"cid", "dan", "eve"}) && report_of(subject).wait.refused);
  pass(29s); // nobody sends to a node that is unready
  CAF_CHECK_EQUAL(report_of(subject).wait.since.count(), 0);
  CAF_CHECK(shows_with({"ann", "bob", "cid", "dan", "eve"}));
  store->take_no_rows(false);
  submit(ten_won());
  CAF_CHECK_EQUAL(report_of(subject).wait.since.count(), 0);
}

CAF_TEST(one request that is stuck does not show) {
  store->fail_next(1, store_failure_kind::blocked);
  submit(ten_won());
  pass(200ms);
  pass(4000ms);
  CAF_CHECK_EQUAL(report_of(subject).wait.since.count(), 0);
}

CAF_TEST(a database that is silent counts before the trouble that it had) {
  slow_down();
  store->fail_next(1, store_failure_kind::unavailable);
  submit(ten_won());
  let_go();
  pass(200ms);
  pass(standstill_after + 1s); // the empty batch has no answer
  CAF_CHECK_EQUAL(report_of(subject).wait.what, "the database does not answer a batch");
}

CAF_TEST(a table that takes nothing counts before a broker that takes nothing) {
  publisher->confirm_at_once = false;
  submit(ten_won("ann"));
  pass(standstill_after + 5s);
  CAF_CHECK(report_of(subject).wait.sending);
  store->take_no_rows(true);
  for (const auto* user : {"bob", "cid", "dan", "eve", "fay", "gus"}) {
    submit(ten_won(user));
    for (int i = 0; i < 10; ++i)
      pass(200ms);
  }
  CAF_CHECK(!report_of(subject).wait.sending);
  CAF_CHECK(report_of(subject).wait.since >= standstill_after);
}

CAF_TEST(requests that are refused for their content show when many users in a row are) {
  const auto refuse = [&](const std::vector<std::string>& users) {
    store->fail_next(1000, store_failure_kind::rejected);
    for (const auto& user : users)
      submit(ten_won(user));
    store->fail_next(0, store_failure_kind::rejected);
    for (int i = 0; i < 20; ++i)
      pass(200ms);
    return report_of(subject).wait.since >= standstill_after;
  };
  CAF_CHECK(!refuse({"ann", "ann", "ann", "ann", "bob"}));
  submit(ten_won("cid"));
  CAF_CHECK(!refuse({"ann", "eve"}));
  CAF_CHECK(refuse({"joe"}));
  CAF_CHECK_EQUAL(publisher->published.size(), 1u);
  submit(ten_won("cid"));
  CAF_CHECK_EQUAL(report_of(subject).wait.since.count(), 0);
  // Nobody sends to a node that is unready, and no empty batch would tell.
  CAF_CHECK(refuse({"ann", "bob", "eve"}));
  pass(27000ms);
  CAF_CHECK_EQUAL(report_of(subject).wait.since.count(), 0);
  CAF_CHECK(!refuse({"ann"}));
}

CAF_TEST(a commit in doubt says so and leaves the record to the redriver) {
  store->commit_in_doubt_next(1);
  submit(ten_won(), "k1");
  CAF_REQUIRE_EQUAL(answers->size(), 1u);
  CAF_CHECK(answers->front().outcome == submit_outcome::unavailable);
  CAF_CHECK_NOT_EQUAL(answers->front().detail.find("may have been recorded"), std::string::npos);
  CAF_CHECK(publisher->published.empty());
  CAF_CHECK_EQUAL(database->picture().size(), 1u);
}

CAF_TEST(what is not confirmed is published again under the same id) {
  publisher->confirm_at_once = false;
  submit(ten_won());
  const auto token = publisher->published.front().token;
  publisher->answer(token, false, "no PubAck");
  consume_messages();
  pass(500ms);
  CAF_CHECK_EQUAL(publisher->published.size(), 1u);
  pass(700ms);
  CAF_REQUIRE_EQUAL(publisher->published.size(), 2u);
  CAF_CHECK_EQUAL(publisher->published[0].message_id, publisher->published[1].message_id);
  publisher->answer(token, true);
  consume_messages();
  pass(2000ms);
  CAF_CHECK_EQUAL(publisher->published.size(), 2u);
}

CAF_TEST(the stages of a submission have their times) {
  using times = std::pair<std::int64_t, std::chrono::microseconds>;
  publisher->confirm_at_once = false;
  slow_down();
  submit(ten_won());
  pass(200ms);
  CAF_CHECK(stage_of(subject, "record") == times(0, 0ms));
  let_go();
  CAF_CHECK(stage_of(subject, "record") == times(1, 200ms));
  pass(300ms);
  CAF_CHECK(stage_of(subject, "request_publish") == times(0, 0ms));
  publisher->answer(publisher->published.front().token, true);
  consume_messages();
  CAF_CHECK(stage_of(subject, "request_publish") == times(1, 300ms));
}

CAF_TEST(a request goes on with the trace of its call under the span of its publication) {
  const std::string called = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  for (const auto& [which, sent] :
       {std::pair{span_choice::off, called}, std::pair{span_choice::sampled, called},
        std::pair{span_choice::sampled, std::string{}}}) {
    choose_spans(which);
    publisher->published.clear();
    submit_request request{{ten_won(), {}}, {}, sys.clock().now() + 5s, [](const auto&) {}};
    request.traceparent = sent;
    request.tracestate = sent.empty() ? "" : "a=b";
    caf::anon_send(subject, submit_atom_v, request);
    consume_messages();
    CAF_REQUIRE_EQUAL(publisher->published.size(), 1u);
    const auto& letter = publisher->published.front();
    const auto parent = header_of(letter, "traceparent");
    CAF_CHECK_EQUAL(header_of(letter, "tracestate"), request.tracestate);
    if (which == span_choice::off || sent.empty())
      CAF_CHECK_EQUAL(parent, sent);
    else
      CAF_CHECK(parent.starts_with(called.substr(0, 36)) && parent.ends_with("-01")
                && parent.size() == called.size() && parent != called);
  }
  choose_spans(span_choice::off);
}

CAF_TEST(a record keeps the span of its caller in version 00) {
  const std::string ids = "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";
  choose_spans(span_choice::sampled); // the publication has a span of its own
  for (const auto& [sent, kept] : {std::pair{"00" + ids + "01", "00" + ids + "01"},
                                   std::pair{"cc" + ids + "03-more", "00" + ids + "01"},
                                   std::pair{std::string{}, std::string{}}}) {
    submit_request request{{ten_won(), {}}, {}, sys.clock().now() + 5s, [](const auto&) {}};
    request.traceparent = sent;
    caf::anon_send(subject, submit_atom_v, request);
    consume_messages();
    memory_record_store elsewhere{database};
    const auto all = elsewhere.claim(0ms, 10);
    CAF_REQUIRE(std::holds_alternative<std::vector<transaction_record>>(all));
    CAF_CHECK_EQUAL(std::get<std::vector<transaction_record>>(all).back().traceparent, kept);
  }
  choose_spans(span_choice::off);
}

CAF_TEST(submissions beyond the limit are refused until there is room) {
  publisher->confirm_at_once = false;
  for (int i = 0; i < 4; ++i)
    submit(ten_won());
  submit(ten_won());
  CAF_REQUIRE_EQUAL(answers->size(), 5u);
  CAF_CHECK(answers->at(3).outcome == submit_outcome::accepted);
  CAF_CHECK(answers->at(4).outcome == submit_outcome::unavailable);
  publisher->answer(publisher->published.front().token, true);
  consume_messages();
  submit(ten_won());
  CAF_CHECK(answers->at(5).outcome == submit_outcome::accepted);
}

CAF_TEST(a broker that takes nothing leaves room for more whatever waits for it) {
  publisher->confirm_at_once = false;
  std::size_t refused = 0;
  const auto refuse_all = [&] {
    for (; refused < publisher->published.size(); ++refused)
      publisher->answer(publisher->published[refused].token, false, "no PubAck");
    consume_messages();
  };
  const auto submit_one = [&](const std::string& user) {
    submit(ten_won(user));
    refuse_all();
    return answers->back().outcome;
  };
  for (int i = 0; i < 4; ++i)
    CAF_CHECK(submit_one("early") == submit_outcome::accepted);
  // It may only be a moment's, and what waits here is sent again soon.
  CAF_CHECK(submit_one("too-many") == submit_outcome::unavailable);
  for (auto passed = 0ms; passed < standstill_after + 1s; passed += 500ms, refuse_all())
    pass(500ms);
  for (int i = 0; i < 12; ++i)
    CAF_CHECK(submit_one("late") == submit_outcome::accepted);
  // Half of the limit of four waits here for the broker, the others in their records.
  CAF_CHECK_EQUAL(drain(500).handed_back, 2u);
  CAF_CHECK_EQUAL(number(subject, "left_total"), 14);
}

CAF_TEST(an answer that waits comes with the verdict) {
  submit(ten_won(), {}, 5000ms);
  CAF_CHECK(answers->empty());
  const auto record = database->picture().begin()->second;
  settle(record);
  tell_settled(record.id);
  CAF_REQUIRE_EQUAL(answers->size(), 1u);
  CAF_CHECK(answers->front().outcome == submit_outcome::accepted);
  CAF_CHECK(answers->front().record.status == record_status::success);
}

CAF_TEST(a verdict that another node applied is seen as well) {
  submit(ten_won(), "k1", 5000ms);
  submit(ten_won(), "k1", 5000ms);
  settle(database->picture().begin()->second);
  CAF_CHECK(answers->empty());
  pass(300ms);
  CAF_REQUIRE_EQUAL(answers->size(), 2u);
  CAF_CHECK(answers->at(0).record.status == record_status::success);
  CAF_CHECK(answers->at(1).record == answers->at(0).record);
  CAF_CHECK(answers->at(0).outcome != answers->at(1).outcome);
}

CAF_TEST(one who waits is looked after as often as ever) {
  submit(ten_won(), {}, 30s);
  pass(10s);
  CAF_CHECK(looks.size() >= 99);
}

CAF_TEST(a record for which more and more wait is looked at once each time) {
  for (int i = 0; i < 10; ++i) {
    submit(ten_won(), "k1", 30s);
    pass(100ms);
  }
  CAF_CHECK(looks.size() >= 9);
  for (const auto& ids : looks)
    CAF_CHECK_EQUAL(ids.size(), 1u);
}

CAF_TEST(many who wait are looked after in turn by few and small questions) {
  for (int i = 0; i < 2000; ++i) {
    submit(ten_won(), {}, 30s);
    caf::anon_send(subject, wake_atom_v); // it is confirmed
  }
  CAF_REQUIRE(answers->empty());
  pass(5s);
  std::map<record_id, int> asked;
  std::size_t rows = 0, largest = 0;
  for (const auto& ids : looks) {
    rows += ids.size();
    largest = std::max(largest, ids.size());
    for (const auto id : ids)
      ++asked[id];
  }
  CAF_CHECK_EQUAL(largest, 500u);
  CAF_CHECK(rows <= 6000); // a thousand a second, and one question
  CAF_CHECK_EQUAL(asked.size(), 2000u);
  for (const auto& [id, times] : asked)
    CAF_CHECK(times == 2 || times == 3);
  // Questions that find verdicts do not wait for each other.
  for (const auto& [id, record] : database->picture())
    settle(record);
  pass(1s);
  CAF_CHECK_EQUAL(answers->size(), 2000u);
  for (const auto& each : *answers)
    CAF_CHECK(each.record.status == record_status::success);
}

CAF_TEST(a look that finds verdicts is followed at once by the next) {
  for (int i = 0; i < 2000; ++i) {
    submit(ten_won(), {}, 30s);
    caf::anon_send(subject, wake_atom_v); // it is confirmed
  }
  for (const auto& [id, record] : database->picture())
    settle(record);
  pass(200ms);
  CAF_CHECK_EQUAL(answers->size(), 2000u);
  CAF_CHECK_EQUAL(looks.size(), 4u);
}

CAF_TEST(a look for verdicts that fails is counted and made again) {
  submit(ten_won(), "k1", 5000ms);
  settle(database->picture().begin()->second);
  store->fail_next(1, store_failure_kind::blocked);
  for (int i = 0; i < 5; ++i)
    pass(300ms);
  CAF_CHECK_EQUAL(number(subject, "looks_failed_total"), 1);
  CAF_CHECK_EQUAL(answers->size(), 1u);
}

CAF_TEST(an answer that waited long enough comes without a verdict) {
  submit(ten_won(), {}, 500ms);
  pass(400ms);
  CAF_CHECK(answers->empty());
  pass(200ms);
  CAF_REQUIRE_EQUAL(answers->size(), 1u);
  CAF_CHECK(answers->front().record.status == record_status::pending);
}

CAF_TEST(what nobody waits for any more is not recorded) {
  const auto recorder = slow_down();
  submit(ten_won("ann"));
  for (int i = 0; i < 3; ++i)
    submit(ten_won("bob"));
  CAF_REQUIRE_EQUAL(recorder->asked.size(), 1u);
  pass(4900ms);
  CAF_CHECK(answers->empty());
  pass(200ms);
  CAF_REQUIRE_EQUAL(answers->size(), 4u);
  int nothing = 0;
  for (const auto& each : *answers) {
    CAF_CHECK(each.outcome == submit_outcome::unavailable);
    nothing += each.detail.find("nothing was recorded") != std::string::npos;
  }
  CAF_CHECK_EQUAL(nothing, 3);
  let_go();
  // The one that was under way is a record and goes its way; the others were never written.
  CAF_CHECK_EQUAL(answers->size(), 4u);
  CAF_CHECK_EQUAL(recorder->asked.size(), 1u);
  CAF_CHECK_EQUAL(database->picture().size(), 1u);
  CAF_CHECK_EQUAL(publisher->published.size(), 1u);
  // And the places are free again.
  submit(ten_won("eve"));
  let_go();
  CAF_CHECK(answers->back().outcome == submit_outcome::accepted);
}

CAF_TEST(a wait counts from the arrival however late the commit comes) {
  const auto recorder = slow_down();
  submit(ten_won("ann"), {}, 10s);
  pass(7000ms);
  let_go();
  CAF_CHECK(answers->empty());
  pass(2900ms);
  CAF_CHECK(answers->empty());
  pass(200ms);
  CAF_REQUIRE_EQUAL(answers->size(), 1u);
  CAF_CHECK(answers->front().outcome == submit_outcome::accepted);
  // When the wait is over before the commit, the commit is the answer.
  submit(ten_won("bob"), {}, 1s);
  pass(3000ms);
  CAF_CHECK_EQUAL(answers->size(), 1u);
  let_go();
  CAF_REQUIRE_EQUAL(answers->size(), 2u);
  CAF_CHECK(answers->back().outcome == submit_outcome::accepted);
}

CAF_TEST(a drain takes nothing more and waits for what is published) {
  publisher->confirm_at_once = false;
  submit(ten_won(), {}, 5000ms);
  const auto token = publisher->published.front().token;
  auto done = std::make_shared<bool>(false);
  ask(
      subject, [done](const drain_summary&) { *done = true; }, drain_atom_v, std::int64_t{5000});
  consume_messages();
  CAF_CHECK_EQUAL(answers->size(), 1u);
  submit(ten_won());
  CAF_CHECK(answers->at(1).outcome == submit_outcome::unavailable);
  CAF_CHECK(!*done);
  publisher->answer(token, true);
  consume_messages();
  CAF_CHECK(*done);
}

CAF_TEST(a drain ends at its deadline and says what is left to the redriver) {
  publisher->confirm_at_once = false;
  submit(ten_won());
  CAF_CHECK_EQUAL(drain(500).handed_back, 1u);
}

CAF_TEST(who waits at the end of a drain is told whether anything may be recorded) {
  const auto recorder = slow_down();
  submit(ten_won(), "sent");
  submit(ten_won(), "kept");
  drain(500);
  CAF_REQUIRE_EQUAL(answers->size(), 2u);
  for (const auto& each : *answers)
    CAF_CHECK(each.outcome == submit_outcome::unavailable);
  CAF_CHECK(answers->at(0).detail.find("nothing was recorded") != std::string::npos);
  CAF_CHECK(answers->at(1).detail.find("may be recorded") != std::string::npos);
  let_go(); // the database answers after all
  CAF_CHECK_EQUAL(answers->size(), 2u);
  CAF_CHECK_EQUAL(recorder->asked.size(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
