#define CAF_SUITE redriver

#include "actors/submissions/redriver.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "actors/common/span.hpp"

#include "tests/actors/submissions/redriver_fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

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

CAF_TEST(what is published again goes on with the trace of its call) {
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  memory_record_store elsewhere{database};
  const submission asked{{"ann", *currency_code::parse("KRW")}, movement::deposit, money{10}};
  CAF_REQUIRE(std::holds_alternative<std::vector<recorded>>(
      elsewhere.record({{asked, {}, trace}, {asked, {}}})));
  for (int times = 0; times < 2; ++times) {
    publisher->published.clear();
    live(5000ms);
    answer_last({});
    CAF_REQUIRE_EQUAL(publisher->published.size(), 2u);
    CAF_CHECK_EQUAL(traceparent_of(publisher->published[0].headers), trace);
    CAF_CHECK_EQUAL(traceparent_of(publisher->published[1].headers), "");
  }
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
  answer_last({}); // that it is there
  answer_last({});
  CAF_CHECK_EQUAL(publisher->published.size(), 1u);
}

CAF_TEST(a claim that the ledger did not answer is not lost) {
  const auto record = pending_record();
  live(1500ms);
  CAF_REQUIRE_EQUAL(ledger->asked.size(), 1u);
  const auto claimed = stored(record.id).updated_at;
  for (int i = 0; i < 12; ++i) {
    answer_all([](const auto&) { return std::nullopt; });
    live(1000ms);
  }
  // Asked again and again, with growing pauses, and nothing was claimed anew.
  CAF_CHECK_GREATER(ledger->asked.size(), 3u);
  CAF_CHECK_LESS(ledger->asked.size(), 10u);
  CAF_CHECK(stored(record.id).updated_at == claimed);
  for (int i = 0; i < 40 && ledger->asked.size() == answered; ++i)
    live(1000ms);
  answer_last({}); // that it is there
  answer_last({});
  CAF_CHECK_EQUAL(publisher->published.size(), 1u);
}

CAF_TEST(a question whose answer is too large for the broker is halved until it comes) {
  std::vector<transaction_record> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(pending_record(std::to_string(i)));
  live(1500ms);
  std::vector<std::size_t> sizes;
  answer_all([&](const auto& ids) -> std::optional<std::string> {
    sizes.push_back(ids.size());
    if (ids.size() > 6)
      return std::nullopt;
    return verdicts_of(ids);
  });
  CAF_CHECK_EQUAL(caf::deep_to_string(sizes), "[20, 10, 5, 10, 5, 10, 5, 5]");
  CAF_CHECK(
      std::all_of(all.begin(), all.end(), [&](const auto& each) { return is_settled(each); }));
}

CAF_TEST(one record that the ledger cannot answer about holds up none of the others) {
  for (const bool readable : {false, true}) {
    std::vector<transaction_record> all;
    for (int i = 0; i < 20; ++i)
      all.push_back(pending_record(std::to_string(i)));
    const auto bad = all[readable ? 13 : 0].id;
    const auto say = [&](const auto& ids) -> std::optional<std::string> {
      if (std::find(ids.begin(), ids.end(), bad) == ids.end())
        return verdicts_of(ids);
      return readable ? std::nullopt : std::optional<std::string>{R"({"results":[{}]})"};
    };
    live(1500ms);
    answer_all(say);
    for (const auto& each : all)
      CAF_CHECK_EQUAL(is_settled(each), each.id != bad);
    // Nor does it hold up what comes later, or show as if nothing went on; it is claimed again.
    CAF_CHECK_EQUAL(wait().since.count(), 0);
    const auto later = pending_record();
    live(1500ms);
    answer_all(say);
    CAF_CHECK(is_settled(later));
    for (int i = 0; i < 5; ++i) {
      live(1000ms);
      answer_all([&](const auto& ids) { return verdicts_of(ids); });
    }
    CAF_CHECK(stored(bad).status == record_status::success);
  }
}

CAF_TEST(a ledger that does not answer shows until it does and holds up nothing else) {
  pending_record();
  CAF_CHECK_EQUAL(wait().since.count(), 0);
  live(1500ms);
  for (int i = 0; i < 8; ++i) {
    answer_all([](const auto&) { return std::nullopt; });
    live(1000ms);
  }
  const auto silent = wait();
  CAF_CHECK_GREATER(silent.since, standstill_after);
  CAF_CHECK(silent.aside);
  CAF_CHECK_EQUAL(silent.what, "the ledger does not say what it decided");
  for (int i = 0; i < 20; ++i) {
    answer_all([&](const auto& ids) { return verdicts_of(ids); });
    live(1000ms);
  }
  CAF_CHECK_EQUAL(wait().since.count(), 0);
}

CAF_TEST(a problem is no answer) {
  const auto record = pending_record();
  live(1500ms);
  const auto claimed = stored(record.id).updated_at;
  for (int i = 0; i < 8; ++i) {
    for (; answered < ledger->asked.size(); consume_messages())
      ledger->answer(ledger->asked[answered++].token, true,
                     encode_problem(503, "Service Unavailable", "UNAVAILABLE", "away"),
                     {{"Nats-Service-Error-Code", "503"}});
    live(1000ms);
  }
  CAF_CHECK(stored(record.id).updated_at == claimed);
  CAF_CHECK(publisher->published.empty());
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

CAF_TEST(records that the database does not give are told) {
  pending_record();
  std::ostringstream lines;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "kept", std::make_shared<spdlog::sinks::ostream_sink_st>(lines)));
  store->fail_next(1, store_failure_kind::blocked);
  live(1500ms);
  spdlog::set_default_logger(before);
  CAF_CHECK(lines.str().find("redriver: the database gives none of the records that wait")
            != std::string::npos);
}

CAF_TEST(claims that fail in a row are counted and show until one does not ) {
  for (const auto kind : {store_failure_kind::unavailable, store_failure_kind::blocked,
                          store_failure_kind::rejected, store_failure_kind::in_doubt}) {
    store->fail_next(1, kind);
    live(standstill_after);
    CAF_CHECK_EQUAL(wait().since.count(), 0); // a moment's
    store->fail_next(1000, kind);
    live(standstill_after + 1500ms);
    const auto failing = wait();
    CAF_CHECK_GREATER(failing.since, standstill_after);
    CAF_CHECK(failing.aside);
    CAF_CHECK_EQUAL(failing.what.find("records without a verdict cannot be claimed: "), 0u);
    store->fail_next(0, kind);
    live(1500ms);
    CAF_CHECK_EQUAL(wait().since.count(), 0);
  }
  CAF_CHECK_GREATER(number(subject, "failures_total"), 4 * 10);
}

CAF_TEST(claims that fail by their time limit stay aside) {
  using claim_promise = caf::typed_response_promise<found_records>;
  const auto claim = std::make_shared<std::optional<claim_promise>>();
  const auto slow = spawn_fake<recorder_actor>(
      [claim](recorder_actor::pointer self) -> recorder_actor::behavior_type {
        return {
            [](record_atom, const new_records_ptr&) { return recorded_batch{}; },
            [](settle_atom, const verdicts_ptr&) { return settled_batch{}; },
            [](find_atom, const std::vector<record_id>&) { return found_records{}; },
            [self, claim](claim_atom, std::int64_t, std::uint64_t) {
              return claim->emplace(self->make_response_promise<found_records>());
            },
            [claim](report_atom) {
              (*claim)->deliver(found_records{store_failure{store_failure_kind::blocked, "slow"}});
              return actor_report{};
            },
        };
      });
  caf::anon_send_exit(subject, caf::exit_reason::kill);
  start(slow);
  bool shown = false;
  for (int times = 0; times < 8; ++times) {
    live(5000ms);
    shown = shown || wait().aside;
    CAF_CHECK_EQUAL(wait().aside, shown);
    CAF_CHECK_EQUAL(shown, times >= 3);
    ask(
        slow, [](const actor_report&) {}, report_atom_v);
    consume_messages();
  }
  live(unanswered_after + 1000ms);
  CAF_CHECK(!wait().aside);
  CAF_CHECK_EQUAL(wait().what, "a claim is not answered");
}

CAF_TEST(publications that are not confirmed show until one is or the ledger has decided) {
  const auto record = pending_record();
  publisher->confirm_at_once = false;
  const auto publish = [&](bool confirmed) {
    for (const auto before = publisher->published.size(); publisher->published.size() == before;) {
      live(1000ms);
      answer_all([&](const auto&) { return encode_verdicts({}, *currencies); });
    }
    publisher->answer(publisher->published.back().token, confirmed, "maximum messages exceeded");
    consume_messages();
  };
  const auto shows = [&] {
    return wait().what
           == "requests without a verdict are not published again: maximum messages exceeded";
  };
  publish(false);
  live(standstill_after + 100ms);
  CAF_CHECK(shows());
  CAF_CHECK(wait().aside);
  CAF_CHECK_GREATER(wait().since, standstill_after);
  CAF_CHECK_EQUAL(number(subject, "failures_total"), 1);
  publish(true);
  CAF_CHECK(!shows());
  publish(false);
  live(65000ms); // the next one waits for the ledger
  CAF_CHECK(shows());
  answer_all([&](const auto& ids) { return verdicts_of(ids); });
  CAF_CHECK(!shows());
  CAF_CHECK(is_settled(record));
}

CAF_TEST(what the stream refused is published soon after it takes it again) {
  pending_record();
  publisher->confirm_at_once = false;
  const auto live_and_answer = [&](bool confirmed) {
    const auto before = publisher->published.size();
    live(1000ms);
    answer_all([&](const auto&) { return encode_verdicts({}, *currencies); });
    for (auto at = before; at < publisher->published.size(); ++at)
      publisher->answer(publisher->published[at].token, confirmed, "maximum messages exceeded");
    consume_messages();
    return publisher->published.size() - before;
  };
  std::size_t refused = 0;
  for (int second = 0; second < 1200; ++second)
    refused += live_and_answer(false);
  CAF_CHECK_GREATER(refused, 1200U / 40);
  CAF_CHECK_LESS(refused, 1200U / 20);
  CAF_CHECK_EQUAL(number(subject, "claimed_total"), 1);
  std::size_t taken = 0;
  for (int second = 0; taken == 0 && second < 32; ++second)
    taken = live_and_answer(true);
  CAF_CHECK_EQUAL(taken, 1U);
  CAF_CHECK_EQUAL(publisher->published.front().message_id, publisher->published.back().message_id);
  CAF_CHECK(wait().what.find("not published") == std::string::npos);
}

CAF_TEST(what the stream refuses while more is being claimed is kept as well) {
  for (int i = 0; i < 501; ++i)
    pending_record();
  publisher->confirm_at_once = false;
  std::size_t refused = 0;
  const auto refuse_all = [&] {
    for (; refused < publisher->published.size(); ++refused)
      publisher->answer(publisher->published[refused].token, false, "maximum messages exceeded");
  };
  store->before_claims(refuse_all);
  live(1500ms);
  // Some are decided, so that more is claimed.
  std::size_t questions = 0;
  const auto nothing = [&](const auto&) { return encode_verdicts({}, *currencies); };
  answer_all([&](const auto& ids) { return ++questions == 2 ? verdicts_of(ids) : nothing(ids); });
  CAF_REQUIRE_EQUAL(refused, 500U);
  refuse_all();
  consume_messages();
  const auto before = publisher->published.size();
  for (int second = 0; second < 32; ++second) {
    live(1000ms);
    answer_all(nothing);
  }
  std::set<std::string> again;
  for (auto at = before; at < publisher->published.size(); ++at)
    again.insert(publisher->published[at].message_id);
  CAF_CHECK_EQUAL(again.size(), 501U);
}

CAF_TEST(beside a backlog copies stay a trickle) {
  for (int i = 0; i < 2500; ++i)
    pending_record();
  const auto live_undecided = [&](int seconds) {
    for (int i = 0; i < 10 * seconds; ++i) {
      live(100ms);
      answer_all([&](const auto&) { return encode_verdicts({}, *currencies); });
    }
    return publisher->published.size();
  };
  CAF_CHECK_EQUAL(live_undecided(5), 500U);
  // Some may wait for what takes for ever; the others get their turn.
  const auto after_a_minute = live_undecided(60);
  CAF_CHECK_GREATER(after_a_minute, 2500U);
  CAF_CHECK_LESS(after_a_minute, 500U * 14);
}

CAF_TEST(copies are waited for half a minute however long a record may rest) {
  caf::anon_send_exit(subject, caf::exit_reason::kill);
  start(spawn_recorder(), 10min);
  for (int i = 0; i < 600; ++i)
    pending_record();
  database->pass(11min);
  for (int i = 0; i < 400; ++i) {
    live(100ms);
    answer_all([&](const auto&) { return encode_verdicts({}, *currencies); });
  }
  CAF_CHECK_EQUAL(publisher->published.size(), 600U);
}

CAF_TEST(a ledger that does not say what it decided of the copies shows) {
  for (int i = 0; i < 501; ++i)
    pending_record();
  std::size_t questions = 0;
  for (int i = 0; i < 55; ++i) {
    live(100ms);
    answer_all([&](const auto&) -> std::optional<std::string> {
      if (++questions == 1)
        return encode_verdicts({}, *currencies);
      return std::nullopt;
    });
  }
  CAF_CHECK_EQUAL(publisher->published.size(), 500U);
  CAF_CHECK_EQUAL(wait().what, "the ledger does not say what it decided");
  CAF_CHECK_GREATER(wait().since, standstill_after);
}

CAF_TEST(copies that are decided make room for the next at once) {
  for (int i = 0; i < 2500; ++i)
    pending_record();
  std::set<std::int64_t> asked_before;
  for (int i = 0; i < 30; ++i) {
    live(100ms);
    answer_all([&](const auto& ids) {
      std::vector<record_id> known; // the stream has them, and the ledger is quick
      for (const auto id : ids)
        if (!asked_before.insert(to_int(id)).second)
          known.push_back(id);
      return verdicts_of(known);
    });
  }
  CAF_CHECK_EQUAL(publisher->published.size(), 2500U);
}

CAF_TEST(verdicts that the database does not take are counted) {
  const auto record = pending_record();
  live(1500ms);
  store->fail_next(1, store_failure_kind::unavailable);
  answer_last({decided(record)});
  CAF_CHECK(!is_settled(record));
  CAF_CHECK_EQUAL(number(subject, "failures_total"), 1);
}

CAF_TEST(an answer that is none counts as silence) {
  pending_record();
  live(1500ms);
  ledger->answer(ledger->asked.back().token, true, "{");
  consume_messages();
  CAF_CHECK(publisher->published.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
