#include "app/audit/audit.hpp"

#include <algorithm>
#include <functional>
#include <limits>

#include "app/audit/ledger.hpp"
#include "tests/app/audit/facts.hpp"

#define CAF_SUITE audit_checker
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using kind = finding_kind;

// Damages the world and expects exactly these findings.
void check(const std::string& name, const finding_counts& expected,
           const std::function<void(world&)>& damage) {
  CAF_MESSAGE(name);
  CAF_CHECK_EQUAL(findings_after(damage), text_of(expected));
}

// Stores the fingerprint and the result that go with a row that was changed on purpose.
void adapt(world& facts, std::int64_t record) {
  for (auto& each : facts.rows)
    if (to_int(each.row.record) == record)
      each.stored_fingerprint = fingerprint(each.row.account, each.row.type, each.row.amount);
  const currency_table table(facts.currencies);
  const auto& row = facts.row(record);
  for (auto& m : facts.results)
    for (const auto& h : m.headers)
      if (h.value == "result-" + std::to_string(record))
        m.payload = encode_result(row, *table.exponent(row.account.currency));
}

} // namespace

CAF_TEST(a_correct_world_passes) {
  const auto report = run(world{});
  CAF_CHECK_EQUAL(text_of(report.findings.counts()), "nothing");
  CAF_CHECK_EQUAL(report.accounts, 3u);
  CAF_CHECK_EQUAL(report.applied, 5u);
  CAF_CHECK_EQUAL(report.refused, 2u);
  CAF_CHECK_EQUAL(report.requests, 11u);
  CAF_CHECK_EQUAL(report.results, 8u); // seven rows, and one copy
  CAF_CHECK_EQUAL(report.dead_letters, 3u);
  CAF_CHECK_EQUAL(report.unproven, 0u);
}

CAF_TEST(damage_to_the_ledger_is_found) {
  check("a second row for one record", {{kind::record_id_twice, 1}}, [](world& w) {
    auto twin = w.rows[4]; // anna's last: 8
    CAF_REQUIRE_EQUAL(to_int(twin.row.record), 8);
    twin.row.seq = 6;
    twin.row.balance_after = money{77};
    w.rows.insert(w.rows.begin() + 5, twin);
    w.account("anna").head = {money{77}, 6};
  });
  check("a row taken away",
        {{kind::chain_gap, 1},
         {kind::not_conserved, 1},
         {kind::result_without_posting, 1},
         {kind::request_unanswered, 1}},
        [](world& w) {
          std::erase_if(w.rows, [](const auto& r) { return to_int(r.row.record) == 2; });
        });
  check("a refused row taken away",
        {{kind::chain_gap, 1}, {kind::result_without_posting, 1}, {kind::request_unanswered, 1}},
        [](world& w) {
          std::erase_if(w.rows, [](const auto& r) { return to_int(r.row.record) == 3; });
        });
  check("a number given twice", {{kind::chain_gap, 2}}, [](world& w) { w.row(4).seq = 3; });
  check("one unit more after one row", {{kind::wrong_balance, 1}, {kind::result_differs, 1}},
        [](world& w) { w.row(2).balance_after = money{71}; });
  check("one unit more after the last row", {{kind::wrong_balance, 1}, {kind::result_differs, 1}},
        [](world& w) { w.row(8).balance_after = money{77}; });
  check("one unit more from one row on", {{kind::wrong_balance, 1}, {kind::not_conserved, 1}},
        [](world& w) {
          for (const auto id : {2, 3, 4, 8}) {
            w.row(id).balance_after = money{w.row(id).balance_after.minor_units() + 1};
            adapt(w, id);
          }
          w.row(3).verdict = outcome::applied;
          w.row(3).balance_after = money{0};
          adapt(w, 3);
          w.row(4).balance_after = money{5};
          adapt(w, 4);
          w.row(8).balance_after = money{6};
          adapt(w, 8);
          w.account("anna").head.balance = money{6};
        });
  check("refused, but should be applied", {{kind::wrong_decision, 1}}, [](world& w) {
    w.row(8).verdict = outcome::balance_overflow;
    w.row(8).balance_after = money{75};
    adapt(w, 8);
    w.account("anna").head.balance = money{75};
  });
  check("applied, but should be refused", {{kind::wrong_decision, 1}, {kind::not_conserved, 1}},
        [](world& w) {
          w.row(6).verdict = outcome::applied; // a withdrawal from nothing, which the balance hides
          adapt(w, 6);
        });
  check("refused for another reason", {{kind::wrong_decision, 1}}, [](world& w) {
    w.row(6).verdict = outcome::balance_overflow;
    adapt(w, 6);
  });
  check("a changed amount",
        {{kind::wrong_fingerprint, 1},
         {kind::wrong_balance, 1},
         {kind::result_differs, 1},
         {kind::not_conserved, 1},
         {kind::conflict_not_parked, 1}},
        [](world& w) { w.row(4).amount = money{6}; });
  check("a changed fingerprint", {{kind::wrong_fingerprint, 1}},
        [](world& w) { ++w.rows[0].stored_fingerprint; });
  check("a status beside its reason", {{kind::invalid_row, 1}},
        [](world& w) { w.rows[0].status_agrees = false; });
  check("a negative amount",
        {{kind::invalid_row, 1}, {kind::not_conserved, 1}, {kind::conflict_not_parked, 1}},
        [](world& w) {
          w.row(5).amount = money{-1230};
          adapt(w, 5);
        });
  check("a negative balance", {{kind::invalid_row, 1}, {kind::not_conserved, 1}}, [](world& w) {
    w.row(6).balance_after = money{-1};
    adapt(w, 6);
    w.account("carl").head.balance = money{-1};
  });
}

CAF_TEST(damage_to_accounts_is_found) {
  check("another balance", {{kind::account_differs, 1}, {kind::not_conserved, 1}},
        [](world& w) { w.account("anna").head.balance = money{77}; });
  check("another sequence number", {{kind::account_differs, 1}},
        [](world& w) { w.account("anna").head.seq = 6; });
  check("two balances that cancel out", {{kind::account_differs, 2}}, [](world& w) {
    w.account("anna").head.balance = money{75};
    w.account("carl").head.balance = money{1};
  });
  check("the last row taken away",
        {{kind::account_differs, 1},
         {kind::not_conserved, 1},
         {kind::result_without_posting, 1},
         {kind::request_unanswered, 1}},
        [](world& w) {
          std::erase_if(w.rows, [](const auto& r) { return to_int(r.row.record) == 8; });
        });
  check("money from nowhere", {{kind::account_without_postings, 1}, {kind::not_conserved, 1}},
        [](world& w) {
          w.accounts.push_back({{"zoe", *currency_code::parse("KRW")}, {money{5}, 1}, {}});
        });
  check("an account between two others that no row has opened",
        {{kind::account_without_postings, 1}}, [](world& w) {
          w.accounts.insert(w.accounts.begin() + 1,
                            {{"asta", *currency_code::parse("KRW")}, {money{0}, 1}, {}});
        });
  check("a missing account", {{kind::posting_without_account, 1}, {kind::not_conserved, 1}},
        [](world& w) {
          std::erase_if(w.accounts, [](const auto& a) { return a.account.user_id == "bert"; });
        });
  check("a currency that is not known", {{kind::unknown_currency, 1}}, [](world& w) {
    std::erase_if(w.currencies, [](const auto& c) { return c.exponent == 2; });
    w.requests.erase(w.requests.begin() + 4); // it could not be read any more
    --w.request_stream.messages;
  });
}

CAF_TEST(sums_beyond_64_bits_are_exact) {
  constexpr auto top = std::numeric_limits<std::int64_t>::max();
  finding_list findings;
  ledger_audit chains(findings);
  const auto key = [](int i) {
    return account_key{"rich-" + std::to_string(i), *currency_code::parse("KRW")};
  };
  for (int i = 0; i < 5; ++i)
    chains.account({key(i), {money{top}, 1}, {}});
  for (int i = 0; i < 5; ++i) {
    const posting row{.id = transaction_id{i + 1},
                      .record = record_id{i + 1},
                      .account = key(i),
                      .seq = 1,
                      .type = movement::deposit,
                      .amount = money{i == 4 ? top - 1 : top},
                      .balance_after = money{i == 4 ? top - 1 : top}};
    chains.row({row, fingerprint(row.account, row.type, row.amount)});
  }
  chains.finish();
  CAF_REQUIRE_EQUAL(findings.listed().size(), 2u);
  CAF_CHECK_EQUAL(findings.listed()[1].detail,
                  "currency KRW: the balances add up to 46116860184273879035, the applied "
                  "movements to 46116860184273879034");
}

CAF_TEST(damage_to_results_is_found) {
  check("no result for one row", {{kind::posting_without_result, 1}},
        [](world& w) { w.erase_result(4); });
  check("no results at all", {{kind::posting_without_result, 7}}, [](world& w) {
    w.results.clear();
    w.result_stream = {.exists = true};
  });
  check("a result that is not its row's", {{kind::result_differs, 1}}, [](world& w) {
    auto& payload = w.results[1].payload;
    payload.replace(payload.find("\"70\""), 4, "\"71\"");
  });
  check("a result on the wrong subject", {{kind::result_differs, 1}},
        [](world& w) { w.results[1].subject = "transaction.result.deposit"; });
  check("two copies that differ", {{kind::copies_differ, 1}}, [](world& w) {
    w.results.push_back(w.results[0]);
    w.results.back().payload += " ";
  });
  check("a result without a row", {{kind::result_without_posting, 1}}, [](world& w) {
    auto forged = w.row(8);
    forged.record = record_id{99};
    w.publish(w.results, make_result(0, forged, 0, {}));
  });
  check("a result that is no JSON", {{kind::result_malformed, 1}}, [](world& w) {
    w.publish(w.results, {.subject = "transaction.result.deposit",
                          .message_id = "result-1",
                          .payload = "{",
                          .headers = {}});
  });
  check("a result under another's id",
        {{kind::result_malformed, 1}, {kind::posting_without_result, 1}},
        [](world& w) { header_of(w.results[1], "Nats-Msg-Id").value = "result-3"; });
  check("a result that was replayed from its dead letter", {}, [](world& w) {
    w.results.push_back(w.results[1]);
    auto& id = header_of(w.results.back(), "Nats-Msg-Id").value;
    id += ".replay-7-1700000000000";
  });
  check("a result that was replayed by an earlier version", {}, [](world& w) {
    w.results.push_back(w.results[1]);
    header_of(w.results.back(), "Nats-Msg-Id").value = "replay-7-1700000000000";
  });
}

CAF_TEST(results_are_asked_for_as_far_as_the_stream_reaches_back) {
  const auto forget_first = [](world& w) {
    w.results.erase(w.results.begin(), w.results.begin() + 2);
    w.result_stream.first_seq = 3;
    w.result_stream.messages -= 2;
  };
  check("the oldest results are not held any more", {}, forget_first);
  check("a row younger than the oldest result held has none", {{kind::posting_without_result, 1}},
        [&](world& w) {
          w.row(8).created_at = database_time{3'000'000 + 60'000'000};
          forget_first(w);
          w.erase_result(8);
        });
  check("a row that the clocks may have made too young", {}, [&](world& w) {
    w.row(8).created_at = database_time{3'000'000 + 59'000'000};
    forget_first(w);
    w.erase_result(8);
  });
  check("there is no stream, which is said elsewhere", {}, [](world& w) {
    w.results.clear();
    w.result_stream = {};
  });
  check("nothing is held any more", {}, [](world& w) {
    w.row(8).created_at = database_time{3'600'000'000};
    w.results.clear();
    w.result_stream = {.exists = true, .first_seq = 9, .last_seq = 8};
  });
}

CAF_TEST(results_before_the_stream_was_made_are_not_asked_for) {
  const auto made_anew = [](world& w, std::int64_t at_ns) {
    w.results.clear();
    w.result_stream = {.exists = true, .created_at_ns = at_ns};
  };
  check("made after the last row", {}, [&](world& w) { made_anew(w, 11'000'001'000); });
  check("made at the last row", {{kind::posting_without_result, 1}},
        [&](world& w) { made_anew(w, 11'000'000'000); });
}

CAF_TEST(rows_that_nobody_asked_for_are_found) {
  const auto lose = [](world& w, std::uint64_t seq) {
    std::erase_if(w.requests, [&](const auto& m) { return m.seq == seq; });
  };
  check("no request for a row", {{kind::posting_without_request, 1}},
        [&](world& w) { lose(w, 2); });
  check("one of two requests for a row", {}, [&](world& w) { lose(w, 7); });
  check("only a request for something else", {{kind::posting_without_request, 1}}, [&](world& w) {
    lose(w, 1);
    lose(w, 7);
  });
  check("the stream has been cut at the front", {}, [&](world& w) {
    lose(w, 1);
    lose(w, 2);
    w.request_stream.first_seq = 3;
    w.request_stream.messages -= 2;
  });
  check("a message in the middle has been deleted", {}, [&](world& w) {
    lose(w, 2);
    --w.request_stream.messages;
  });
  check("the stream was made after the row", {}, [&](world& w) {
    lose(w, 2);
    w.made_at(2'000'001'000);
  });
  check("the stream was made before the row", {{kind::posting_without_request, 1}}, [&](world& w) {
    lose(w, 2);
    w.made_at(2'000'000'000);
  });
}

CAF_TEST(requests_without_an_answer_are_found) {
  check("a lost request", {{kind::request_unanswered, 1}}, [](world& w) {
    w.requests.push_back(
        {12, 0, "transaction.deposit", R"({"recordId":9,"userId":"anna","amount":1})", {}});
    w.deposits.delivered = 12;
  });
  check("a request not settled yet", {}, [](world& w) {
    w.requests.push_back(
        {12, 0, "transaction.deposit", R"({"recordId":9,"userId":"anna","amount":1})", {}});
  });
  check("a request behind the acknowledgement floor", {{kind::request_unanswered, 1}},
        [](world& w) {
          w.requests.push_back(
              {12, 0, "transaction.deposit", R"({"recordId":9,"userId":"anna","amount":1})", {}});
          w.requests.push_back(
              {13, 0, "transaction.deposit", R"({"recordId":10,"userId":"anna","amount":1})", {}});
          w.deposits = {.exists = true, .ack_pending = 1, .ack_floor = 12, .delivered = 13};
        });
  check("a malformed request without its dead letter", {{kind::request_unanswered, 1}},
        [](world& w) {
          w.dead_letters.pop_back();
          w.letter_stream = {.exists = true, .messages = 2, .first_seq = 1, .last_seq = 2};
        });
  check("a conflict without its dead letter", {{kind::conflict_not_parked, 1}}, [](world& w) {
    w.dead_letters.erase(w.dead_letters.begin());
    w.letter_stream.messages = 2;
  });
  check("a lost withdrawal", {{kind::request_unanswered, 1}}, [](world& w) {
    w.requests.push_back(
        {12, 0, "transaction.withdrawal", R"({"recordId":9,"userId":"anna","amount":1})", {}});
    w.withdrawals.delivered = 12;
  });
  check("the withdrawals' consumer counts for withdrawals only", {}, [](world& w) {
    w.withdrawals.delivered = 20;
    w.requests.push_back(
        {12, 0, "transaction.deposit", R"({"recordId":9,"userId":"anna","amount":1})", {}});
  });
}

CAF_TEST(a_daemon_at_work_is_no_fault) {
  check("a row whose result is on its way", {}, [](world& w) {
    w.rules.live = true;
    w.erase_result(8);
    w.deposits = {.exists = true, .ack_pending = 1, .ack_floor = 10, .delivered = 11};
  });
  check("a settled request whose result is missing", {{kind::posting_without_result, 1}},
        [](world& w) {
          w.rules.live = true;
          w.erase_result(4);
        });
  check("a request that was settled and purged", {{kind::posting_without_result, 1}}, [](world& w) {
    w.rules.live = true;
    w.erase_result(4);
    w.requests.clear();
    w.request_stream.first_seq = w.request_stream.last_seq + 1;
  });
}

CAF_TEST(a_row_is_as_young_as_those_before_it_whatever_time_it_says) {
  const auto made_later = [](std::int64_t lost) {
    return [lost](world& w) {
      w.result_stream.created_at_ns = 3'000'000'000; // as the row of the third request
      w.erase_result(lost);
    };
  };
  check("younger than the stream", {{kind::posting_without_result, 1}}, made_later(8));
  check("older only by the time that it says", {{kind::posting_without_result, 1}}, [&](world& w) {
    made_later(8)(w);
    w.row(8).created_at = database_time{1};
  });
  check("older than the stream", {}, made_later(1));
}

CAF_TEST(a_transaction_has_a_positive_id) {
  check("none", {{kind::invalid_row, 1}, {kind::result_differs, 1}},
        [](world& w) { w.row(2).id = transaction_id{0}; });
}

CAF_TEST(only_so_many_findings_are_listed) {
  finding_list findings(3);
  for (int i = 0; i < 10; ++i)
    findings.add(kind::chain_gap, std::to_string(i));
  findings.add(kind::wrong_balance, "x");
  CAF_CHECK_EQUAL(findings.listed().size(), 4u);
  CAF_CHECK_EQUAL(findings.counts().at(kind::chain_gap), 10u);
}

CAF_TEST(a_row_of_the_account_side_without_its_record_is_found) {
  const auto mark = [](stored_message& message, std::int64_t record) {
    message.headers.push_back({"Ledgerd-Account", std::to_string(record)});
  };
  const auto lose = [](world& w) { w.lost_records = {1, 2, 3, 4, 5, 6, 7, 8}; };
  check("without a mark it is another producer's", {}, lose);
  check("a request has the mark", {{kind::posting_without_record, 1}}, [&](world& w) {
    lose(w);
    mark(w.requests[1], 2);
  });
  check("its result has it, too", {{kind::posting_without_record, 1}}, [&](world& w) {
    lose(w);
    mark(w.requests[1], 2);
    mark(w.results[1], 2);
  });
  check("only the result has it", {{kind::posting_without_record, 1}}, [&](world& w) {
    lose(w);
    mark(w.results[2], 3);
  });
  check("the mark of another record", {}, [&](world& w) {
    lose(w);
    mark(w.requests[1], 3);
  });
  check("a request without a row", {}, [&](world& w) {
    lose(w);
    mark(w.requests[8], 7);
  });
  check("the record is there", {}, [&](world& w) {
    w.lost_records = {3};
    mark(w.requests[1], 2);
  });
}
