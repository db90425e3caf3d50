// The verbs against private servers, with rows and messages planted by hand: no daemon runs here.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <unistd.h>

#include "app/base/text.hpp"
#include "app/operations/routes.hpp"
#include "app/verbs/verb_support.hpp"
#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "persistence/postgres.hpp"
#include "tests/app/verbs/verb_world.hpp"

#define CAF_SUITE verbs
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using nlohmann::json;

namespace {

// A migrated database and a broker with its streams. Record 1 deposits 500, record 2 is refused,
// record 3 withdraws 200.
struct fixture : verb_world {
  std::filesystem::path file = "/tmp/ledgerd-requests-" + std::to_string(getpid());

  fixture() : verb_world({.account = true}) {
    post({request(1, movement::deposit, 500), request(2, movement::withdrawal, 501),
          request(3, movement::withdrawal, 200)});
  }

  ~fixture() { std::filesystem::remove(file); }

  std::vector<stored_message> stored(std::string_view stream) const {
    std::vector<stored_message> all;
    nats->read(stream, "", 1, [&](const stored_message& message) {
      all.push_back(message);
      return true;
    });
    return all;
  }

  // Waits for so many requests, then parks those with these payloads as the daemon would.
  void park(std::size_t requests, const std::vector<std::string>& payloads) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (nats->stream(names::request_stream).messages < requests
           && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    std::vector<outgoing> letters;
    for (const auto& each : stored(names::request_stream))
      if (std::find(payloads.begin(), payloads.end(), each.payload) != payloads.end())
        letters.push_back(make_dead_letter(1,
                                           {.subject = each.subject,
                                            .payload = each.payload,
                                            .stream = std::string{names::request_stream},
                                            .stream_seq = each.seq},
                                           {dead_reason::record_id_conflict, "taken"}, "n1",
                                           1 << 20));
    publish(std::move(letters));
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(verbs_tests, fixture)

CAF_TEST(check is content with what is in place and tells all that is not ) {
  const auto good = run({"check"});
  CAF_CHECK_EQUAL(std::make_pair(good.out, good.code), std::make_pair(good.out, 0));
  // What is only slow is a warning: the private PostgreSQL is as it should be until it is not.
  CAF_CHECK(!contains(good.out, "max_wal_size"));
  CAF_CHECK(contains(good.out, "gates ") && contains(good.out, "derived from "));
  servers.sql(servers.database_url(), "ALTER SYSTEM SET max_wal_size = '1GB'");
  servers.sql(servers.database_url(), "SELECT pg_reload_conf()");
  auto slow = run({"check"});
  for (int tries = 0; tries < 50 && !contains(slow.out, "max_wal_size"); ++tries)
    slow = run({"check"});
  CAF_CHECK_EQUAL(slow.code, 0);
  CAF_CHECK(contains(slow.out, "database         WARN   ") && contains(slow.out, "max_wal_size"));
  servers.sql(servers.database_url(), "ALTER SYSTEM RESET max_wal_size");
  servers.sql(servers.database_url(), "SELECT pg_reload_conf()");
  const auto version = run_shell("${NATS_SERVER:-nats-server} --version").out;
  const bool old = contains(version, " v2.9.") || contains(version, " 2.9.");
  CAF_CHECK_EQUAL(contains(good.out, "broker           WARN   nats-server before 2.10"), old);
  nats->delete_stream(names::result_stream);
  servers.sql(servers.database_url(), "DROP SCHEMA ledger CASCADE; DROP SCHEMA account CASCADE");
  const auto bad = run({"check", "--json", "--gates", "99"});
  CAF_CHECK_EQUAL(bad.code, 1);
  const auto findings = json::parse(bad.out);
  CAF_CHECK(!findings.at("ok").get<bool>());
  CAF_REQUIRE_EQUAL(findings.at("engine").size(), 4u);
  CAF_CHECK_EQUAL(findings.at("engine").at(1).at("option"), "gates");
  CAF_REQUIRE_EQUAL(findings.at("parts").size(), 4u);
  for (const auto& part : findings.at("parts"))
    CAF_CHECK(!part.at("faults").empty());
}

CAF_TEST(submit sends one request by flags) {
  const auto result = run({"submit", "--user", "bob", "--type", "WITHDRAWAL", "--amount", "10.00",
                           "--currency", "EUR", "--record-id", "7"});
  CAF_CHECK_EQUAL(std::make_pair(result.err, result.code), std::make_pair(std::string{}, 0));
  CAF_CHECK(result.out.starts_with("sent 1 in "));
  const auto messages = stored(names::request_stream);
  CAF_REQUIRE_EQUAL(messages.size(), 1u);
  CAF_CHECK_EQUAL(messages[0].subject, "transaction.withdrawal");
  CAF_CHECK_EQUAL(
      messages[0].payload,
      R"({"recordId":7,"userId":"bob","amount":"10.00","currency":"EUR","type":"WITHDRAWAL"})");
  CAF_CHECK(messages[0].headers.empty());
}

CAF_TEST(submit refuses what the ledger would park unless told to) {
  const std::vector<std::string> request{"submit",   "--user", "bob",         "--type", "DEPOSIT",
                                         "--amount", "1.5",    "--record-id", "7"};
  const auto refused = run(request);
  CAF_CHECK_EQUAL(refused.code, 2);
  CAF_CHECK(contains(refused.err, "INVALID_FIELD") && contains(refused.err, "amount"));
  CAF_CHECK_EQUAL(stored(names::request_stream).size(), 0u);
  auto raw = request;
  raw.emplace_back("--raw");
  CAF_CHECK_EQUAL(run(raw).code, 0);
  CAF_CHECK_EQUAL(stored(names::request_stream).size(), 1u);
}

CAF_TEST(submit reads a whole file before it sends anything) {
  std::ofstream{file} << R"({"recordId":11,"userId":"bob","amount":"1","type":"DEPOSIT"})"
                      << "\n\n"
                      << R"({"recordId":12,"userId":"bob","amount":"1","type":"WITHDRAWAL"})"
                      << "\r\n"
                      << R"({"recordId":13,"userId":"bob","amount":"0","type":"DEPOSIT"})"
                      << "\n";
  const auto refused = run({"submit", "--file", file});
  CAF_CHECK_EQUAL(refused.code, 2);
  CAF_CHECK(contains(refused.err, file.string() + ":4: INVALID_FIELD"));
  CAF_CHECK_EQUAL(stored(names::request_stream).size(), 0u);
  CAF_CHECK(
      run({"submit", "--file", file, "--raw", "--message-ids"}).out.starts_with("sent 3 in "));
  CAF_CHECK_EQUAL(run({"submit", "--file", file, "--raw", "--message-ids"}).code,
                  0); // the broker drops them by their ids
  const auto messages = stored(names::request_stream);
  CAF_REQUIRE_EQUAL(messages.size(), 3u);
  CAF_CHECK(std::count_if(messages.begin(), messages.end(),
                          [](const auto& m) { return m.subject == "transaction.withdrawal"; })
            == 1);
}

CAF_TEST(raw lines may name their subject and hold anything) {
  std::ofstream{file} << R"({"subject":"transaction.withdrawal","payload":"not json"})"
                      << "\n"
                      << "not json either\n";
  CAF_CHECK_EQUAL(run({"submit", "--file", file, "--raw"}).code, 0);
  auto messages = stored(names::request_stream);
  CAF_REQUIRE_EQUAL(messages.size(), 2u);
  std::sort(messages.begin(), messages.end(),
            [](const auto& a, const auto& b) { return a.subject < b.subject; });
  CAF_CHECK_EQUAL(messages[0].subject + " " + messages[0].payload,
                  "transaction.deposit not json either");
  CAF_CHECK_EQUAL(messages[1].subject + " " + messages[1].payload,
                  "transaction.withdrawal not json");
}

CAF_TEST(submit keeps the rate that it is given) {
  {
    std::ofstream out{file};
    for (int i = 0; i < 20; ++i)
      out << R"({"recordId":)" << 100 + i << R"(,"userId":"bob","amount":"1","type":"DEPOSIT"})"
          << "\n";
  }
  const auto began = std::chrono::steady_clock::now();
  CAF_CHECK_EQUAL(run({"submit", "--file", file, "--rate", "20"}).code, 0);
  CAF_CHECK(std::chrono::steady_clock::now() - began >= std::chrono::milliseconds{950});
  CAF_CHECK_EQUAL(stored(names::request_stream).size(), 20u);
}

CAF_TEST(submit waits for verdicts and says how many are missing) {
  std::ofstream{file} << R"({"recordId":1,"userId":"alice","amount":"500","type":"DEPOSIT"})"
                      << "\n"
                      << R"({"recordId":2,"userId":"alice","amount":"501","type":"WITHDRAWAL"})"
                      << "\n";
  const auto decided = run({"submit", "--file", file, "--wait"});
  CAF_CHECK_EQUAL(decided.code, 1); // one was refused
  CAF_CHECK(contains(run({"submit", "--help"}).out, "exit code 1 when something is refused"));
  CAF_CHECK_EQUAL(run({"submit", "--user", "alice", "--type", "DEPOSIT", "--amount", "500",
                       "--currency", "KRW", "--record-id", "1", "--wait"})
                      .code,
                  0);
  CAF_CHECK(contains(decided.out,
                     "success  failed  parked  undecided\n      1       1       0          0\n"));
  const auto open = run({"submit", "--user", "bob", "--type", "DEPOSIT", "--amount", "1",
                         "--record-id", "99", "--wait", "--wait-limit", "300ms"});
  CAF_CHECK_EQUAL(open.code, 1);
  CAF_CHECK(contains(open.out, "      0       0       0          1\n"));
}

CAF_TEST(a row under the same id is no answer to another request) {
  const std::vector<std::string> conflict{"submit",  "--user",   "alice",       "--type",
                                          "DEPOSIT", "--amount", "501",         "--record-id",
                                          "1",       "--wait",   "--wait-limit"};
  auto open = conflict;
  open.emplace_back("300ms");
  const auto undecided = run(open);
  CAF_CHECK_EQUAL(undecided.code, 1);
  CAF_CHECK(contains(undecided.out, "      0       0       0          1\n"));
  auto parked = conflict;
  parked.emplace_back("20s");
  auto told = std::async(std::launch::async, [&] { return run(parked); });
  park(2, {stored(names::request_stream).at(0).payload});
  CAF_CHECK(contains(told.get().out, "      0       0       1          0\n"));
  // Each line gets its own verdict.
  const std::string other = R"({"recordId":1,"userId":"alice","amount":"501","type":"DEPOSIT"})";
  std::ofstream{file} << R"({"recordId":1,"userId":"alice","amount":"500","type":"DEPOSIT"})"
                      << "\n"
                      << other << "\n"
                      << R"({"recordId":1,"userId":"alice","amount":"5e2","type":"DEPOSIT"})"
                      << "\nnot json\n";
  told = std::async(std::launch::async, [&] {
    return run({"submit", "--raw", "--file", file, "--wait", "--wait-limit", "20s", "--json"});
  });
  park(6, {other, "not json"});
  const auto result = told.get();
  CAF_CHECK_EQUAL(result.code, 1);
  CAF_CHECK_EQUAL(json::parse(result.out).at("verdicts").dump(),
                  R"({"failed":0,"parked":2,"success":2,"undecided":0})");
}

CAF_TEST(submit without its stream says what creates it) {
  nats->delete_stream(names::request_stream);
  const auto result =
      run({"submit", "--user", "bob", "--type", "DEPOSIT", "--amount", "1", "--record-id", "99"});
  CAF_CHECK_EQUAL(result.code, 3);
  CAF_CHECK(contains(result.err, "TRANSACTIONS does not exist yet"));
}

CAF_TEST(a user that no request can name is no user) {
  for (const auto user : {"\xff", "", "a\nb"}) {
    const auto refused = run({"account", user});
    CAF_CHECK_EQUAL(refused.code, 2);
    CAF_CHECK(contains(refused.err, "userId"));
  }
}

CAF_TEST(account shows balances and the newest rows first) {
  const auto text = run({"account", "alice"});
  CAF_CHECK_EQUAL(text.code, 0);
  CAF_CHECK(contains(text.out, "INSUFFICIENT_FUNDS"));
  const auto found = json::parse(run({"account", "alice", "--json", "--limit", "2"}).out);
  const auto& account = found.at("accounts").at(0);
  CAF_CHECK_EQUAL(account.at("currency").get<std::string>(), "KRW");
  CAF_CHECK_EQUAL(account.at("balance").get<std::string>(), "300");
  CAF_CHECK_EQUAL(account.at("seq").get<int>(), 3);
  CAF_REQUIRE_EQUAL(account.at("transactions").size(), 2u);
  CAF_CHECK_EQUAL(account.at("transactions").at(0).at("recordId").get<int>(), 3);
  CAF_CHECK_EQUAL(account.at("transactions").at(1).at("reason").get<std::string>(),
                  "INSUFFICIENT_FUNDS");
  CAF_CHECK_EQUAL(run({"account", "nobody"}).code, 1);
}

CAF_TEST(dead letters are listed and shown without control characters) {
  publish({dead_letter(21, 5), dead_letter(22, 6), dead_letter(23, 7)});
  const auto list = run({"dead", "list", "--limit", "2"});
  CAF_CHECK_EQUAL(list.code, 0);
  CAF_CHECK_EQUAL(std::count(list.out.begin(), list.out.end(), '\n'), 3);
  CAF_CHECK(contains(list.out, "transaction.deposit  ") && contains(list.out, "INVALID_FIELD"));
  CAF_CHECK(contains(one_line(list.out), "record user reason"));
  CAF_CHECK(contains(one_line(list.out), " 23 alice INVALID_FIELD "));
  const auto items = json::parse(run({"dead", "list", "--json"}).out).at("items");
  CAF_REQUIRE_EQUAL(items.size(), 3u);
  const auto seq = std::to_string(items.at(0).at("seq").get<int>());
  const auto shown = run({"dead", "show", seq});
  CAF_CHECK_EQUAL(shown.code, 0);
  CAF_CHECK(contains(shown.out, "Ledgerd-Reason: INVALID_FIELD\n")
            && contains(shown.out, "\"amount\":\"-1\""));
  CAF_CHECK_EQUAL(run({"dead", "show", "999"}).code, 1);
  const auto none = run({"dead", "show", "999", "--json"});
  CAF_CHECK_EQUAL(none.code, 1);
  const auto problem = json::parse(none.out);
  CAF_CHECK_EQUAL(problem.at("code").get<std::string>(), "NOT_FOUND");
  CAF_CHECK_EQUAL(problem.at("detail").get<std::string>(),
                  "there is no dead letter with the sequence number 999");
}

CAF_TEST(what a message holds cannot steer the terminal) {
  // CSI as two bytes and as one, a title, a new line of output, a text turned round, no UTF-8 at
  // all.
  const std::string hostile = "\x1b[2J \xc2\x9b"
                              "2J \x1b]0;x\x07 \nforged \r \xe2\x80\xae \x7f \xff";
  const auto quoted = json(hostile.substr(0, hostile.size() - 1)).dump();
  auto letter = dead_letter(41, 1);
  letter.payload = R"({"recordId":41,"userId":)" + quoted + "}" + hostile;
  for (auto& each : letter.headers)
    if (each.name == "Ledgerd-Reason" || each.name == "Ledgerd-Subject")
      each.value = "\x1b[31m\xc2\x9b"
                   "1m\xe2\x80\xae";
  outgoing request;
  request.subject = "transaction.deposit";
  request.payload = R"({"recordId":41,"userId":)" + quoted + "}";
  publish({letter, request});
  servers.sql(
      servers.database_url(),
      "INSERT INTO ledger.accounts (user_id, currency, balance, seq, created_at, updated_at) "
      "VALUES (E'\\u009b2J\\u202e\\x1b', 'KRW', 0, 1, now(), now())");
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"trace", "41"},
                                             {"trace", "41", "--json"},
                                             {"dead", "list"},
                                             {"dead", "list", "--json"},
                                             {"dead", "show", "1"},
                                             {"dead", "show", "1", "--json"},
                                             {"dead", "replay", "1"},
                                             {"account", hostile},
                                             {"account", "\xc2\x9b"
                                                         "2J\xe2\x80\xae\x1b"},
                                             {"account",
                                              "\xc2\x9b"
                                              "2J\xe2\x80\xae\x1b",
                                              "--json"},
                                             {"audit"},
                                             {"audit", "--json"},
                                             {"status", "--nats-url", "nats://\xc2\x9b:1"}}) {
    const auto result = run(arguments);
    const auto shown =
        arguments[0] + " " + (arguments.size() > 1 ? escape_controls(arguments[1]) : "");
    for (const auto* bad :
         {"\x1b", "\xc2\x9b", "\xe2\x80\xae", "\x7f", "\xff", "\r", "\x07", "\nforged"})
      CAF_CHECK_EQUAL(std::make_pair(shown, contains(result.out + result.err, bad)),
                      std::make_pair(shown, false));
  }
  const auto shown = json::parse(run({"trace", "41", "--json"}).out);
  CAF_CHECK_EQUAL(shown.at("requests").at(0).at("payload").get<std::string>(), request.payload);
}

CAF_TEST(a dead letter is replayed to its subject and stays) {
  publish({dead_letter(21, 5)});
  const auto letter = stored(names::dead_letter_stream).front();
  const auto seq = std::to_string(letter.seq);
  const auto before = stored(names::request_stream).size();
  const auto refused = run({"dead", "replay", seq});
  CAF_CHECK_EQUAL(refused.code, 1);
  CAF_CHECK(contains(refused.err, "it would be parked again, INVALID_FIELD: field "));
  CAF_CHECK_EQUAL(stored(names::request_stream).size(), before);
  const auto replayed = run({"dead", "replay", seq, "--force"});
  CAF_CHECK_EQUAL(replayed.code, 0);
  CAF_CHECK(contains(replayed.out, "published again to transaction.deposit"));
  const auto requests = stored(names::request_stream);
  CAF_REQUIRE_EQUAL(requests.size(), before + 1);
  CAF_CHECK_EQUAL(requests.back().payload, letter.payload);
  CAF_CHECK(header_value(requests.back(), "Ledgerd-Reason").empty());
  CAF_CHECK_EQUAL(run({"dead", "replay", "999"}).code, 1);
}

CAF_TEST(a mended message is replayed and the action is listed) {
  publish({dead_letter(21, 5)});
  const auto seq = std::to_string(stored(names::dead_letter_stream).front().seq);
  const std::vector<std::string> mended{"dead",  "replay",       seq,     "--set", "amount=12",
                                        "--set", "currency=KRW", "--why", "a sign"};
  // What nobody reads of a request mends nothing.
  for (const auto* misspelt : {"ammount=5.00", "Amount=5.00"}) {
    const auto refused = run({"dead", "replay", seq, "--set", misspelt, "--set", "currency=KRW"});
    CAF_CHECK_EQUAL(refused.code, 2);
    CAF_CHECK(contains(refused.err, "is no field of a request; did you mean `amount`?"));
  }
  auto dry = mended;
  dry.insert(dry.end(), {"--dry-run", "--json"});
  const auto told = json::parse(run(dry).out);
  CAF_CHECK_EQUAL(told.at("items").at(0).at("verdict"), "SUCCESS");
  CAF_CHECK_EQUAL(told.at("items").at(0).value("amount", "none"), "12");
  dry.pop_back();
  CAF_CHECK(contains(run(dry).out, "record 21  DEPOSIT of 12 KRW for alice  SUCCESS"));
  CAF_CHECK_EQUAL(told.at("done"), 0);
  CAF_CHECK_EQUAL(told.at("wouldBeDone"), 1);
  CAF_CHECK_EQUAL(told.at("items").at(0).at("done"), false);
  CAF_CHECK(stored(names::action_stream).empty());
  const auto replayed = run(mended);
  CAF_CHECK_EQUAL(std::make_pair(replayed.err, replayed.code), std::make_pair(std::string{}, 0));
  CAF_CHECK(contains(replayed.out, "transaction.deposit: DEPOSIT of 12 KRW for alice; the dead"));
  const auto request = stored(names::request_stream).back();
  CAF_CHECK_EQUAL(request.payload,
                  R"({"recordId":21,"userId":"alice","amount":"12","currency":"KRW"})");
  CAF_CHECK_EQUAL(header_value(request, "Ledgerd-Replay-Of"), seq);
  const auto actions = json::parse(run({"dead", "actions", "--json"}).out).at("items");
  CAF_REQUIRE_EQUAL(actions.size(), 1u);
  CAF_CHECK_EQUAL(actions.at(0).at("why"), "a sign");
  CAF_CHECK_EQUAL(actions.at(0).at("changed").dump(), R"({"amount":"12","currency":"KRW"})");
  const auto listed = json::parse(run({"dead", "list", "--replayed", "yes", "--json"}).out);
  CAF_CHECK_EQUAL(listed.at("items").at(0).at("replays"), 1);
  CAF_CHECK(contains(run({"dead", "list"}).out, "replayed 1 time, last 20"));
}

CAF_TEST(which letters are meant has to be said) {
  publish({dead_letter(21, 5), dead_letter(22, 6)});
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"dead", "replay"},
           {"dead", "replay", "--reason", "INVALID_FIELD"}, // neither --dry-run nor --yes
           {"dead", "replay", "1", "--all"},
           {"dead", "replay", "--all", "--yes", "--set", "amount=1"},
           {"dead", "replay", "1", "--set", "amount"},
           {"dead", "discard", "--yes"},
           {"dead", "list", "--since", "soon"},
           {"dead", "list", "--reason", "NONE"}})
    CAF_CHECK_EQUAL(std::make_pair(words.back(), run(words).code), std::make_pair(words.back(), 2));
  const auto group = json::parse(run({"dead", "groups", "--json"}).out).at("items").at(0);
  CAF_CHECK_EQUAL(group.at("count"), 2);
  const auto cause = group.at("cause").get<std::string>();
  const auto gone = run({"dead", "discard", "--cause", cause, "--yes"});
  CAF_CHECK(gone.code == 0 && contains(gone.out, "2 of 2 letters discarded"));
  CAF_CHECK(contains(gone.err, "warning: no reason is kept; with --why"));
  CAF_CHECK(stored(names::dead_letter_stream).empty());
}

CAF_TEST(a replayed result is published under the id of its record) {
  auto letter = dead_letter(21, 5);
  for (auto& [name, value] : letter.headers)
    if (name == "Ledgerd-Stream")
      value = names::result_stream;
    else if (name == "Ledgerd-Subject")
      value = "transaction.result.deposit";
  letter.payload = R"({"recordId":21})";
  publish({letter});
  const auto malformed = run({"dead", "replay", "1"});
  CAF_CHECK_EQUAL(malformed.code, 1);
  CAF_CHECK(
      contains(malformed.err, "INVALID_FIELD: field \"transactionId\": is required; discard"));
  CAF_CHECK(stored(names::result_stream).empty());
  letter.message_id += "-right";
  letter.payload =
      encode_result(*make_postgres_reader(servers.database_url())->find(record_id{1}), 0);
  publish({letter});
  const auto seq = std::to_string(stored(names::dead_letter_stream).back().seq);
  CAF_CHECK_EQUAL(run({"dead", "replay", seq}).code, 0);
  const auto results = stored(names::result_stream);
  CAF_REQUIRE_EQUAL(results.size(), 1u);
  CAF_CHECK(header_value(results[0], "Nats-Msg-Id").starts_with("result-1.replay-" + seq + "-"));
  letter.message_id += "-unreadable";
  letter.payload = "{}";
  publish({letter});
  const auto refused =
      run({"dead", "replay", std::to_string(stored(names::dead_letter_stream).back().seq)});
  CAF_CHECK(refused.code != 0);
  CAF_CHECK(contains(refused.err, "field \"recordId\""));
}

CAF_TEST(a discard without the stream of actions is refused) {
  publish({dead_letter(21, 5)});
  nats->delete_stream(names::action_stream);
  const auto seq = std::to_string(stored(names::dead_letter_stream).front().seq);
  const auto refused = run({"dead", "discard", seq, "--yes"});
  CAF_CHECK(refused.code != 0);
  CAF_CHECK(contains(refused.err, "stream TRANSACTION_ACTIONS"));
  CAF_CHECK_EQUAL(stored(names::dead_letter_stream).size(), 1u);
}

CAF_TEST(a dead letter is discarded only when that is meant) {
  publish({dead_letter(21, 5), dead_letter(22, 6)});
  const auto seq = std::to_string(stored(names::dead_letter_stream).front().seq);
  CAF_CHECK_EQUAL(run({"dead", "discard", seq}).code, 2);
  const auto letters = stored(names::dead_letter_stream);
  CAF_REQUIRE_EQUAL(letters.size(), 2u);
  CAF_CHECK_EQUAL(run({"dead", "discard", seq, "--yes", "--why", "a test"}).err, "");
  CAF_CHECK_EQUAL(stored(names::dead_letter_stream).size(), 1u);
  const auto actions = stored(names::action_stream);
  CAF_REQUIRE_EQUAL(actions.size(), 1u);
  CAF_CHECK_EQUAL(actions[0].subject, names::discard_subject);
  CAF_CHECK_EQUAL(header_value(actions[0], "Ledgerd-Sequence"),
                  header_value(letters[0], "Ledgerd-Sequence"));
  CAF_CHECK_EQUAL(header_value(actions[0], "Ledgerd-Why"), "a test");
  CAF_CHECK_EQUAL(run({"dead", "discard", seq, "--yes"}).code, 1);
}

CAF_TEST(an audit that watches prints a document a line until nobody reads) {
  const auto watched = run_shell(
      "timeout 20 " LEDGERD_PROGRAM
      " audit --watch 100ms --json | head -n 2; echo ${PIPESTATUS[0]}",
      {"LEDGERD_NATS_URL=" + servers.nats_url(), "LEDGERD_DATABASE_URL=" + servers.database_url()});
  std::istringstream lines{watched.out};
  for (std::string line; std::getline(lines, line) && line != "0";)
    CAF_CHECK(json::parse(line, nullptr, false).contains("findingCount"));
  CAF_CHECK_EQUAL(std::count(watched.out.begin(), watched.out.end(), '\n'), 3);
  CAF_CHECK(watched.out.ends_with("\n0\n"));
}

CAF_TEST_FIXTURE_SCOPE_END()
