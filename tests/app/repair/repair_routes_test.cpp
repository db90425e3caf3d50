// Dead letters over HTTP, with the desk that does what has to be waited for.
#include "app/repair/repair_routes.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "actors/common/fail_stop.hpp"
#include "app/http/access.hpp"
#include "tests/app/http/raw_client.hpp"
#include "tests/app/repair/fake_world.hpp"
#include "tests/app/temporary_file.hpp"

#define CAF_SUITE repair_routes
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

const std::string operator_token(32, 'o');
const std::string reader_token(32, 'r');

http_access access_of_two() {
  const temporary_file file{"ops operate " + operator_token + "\napp read " + reader_token + "\n"};
  http_settings settings;
  settings.http_token_file = file.path();
  return read_http_access(settings);
}

struct answered {
  int status = 0;
  nlohmann::json body;
};

struct fixture {
  fake_broker nats;
  caf::actor_system_config config;
  caf::actor_system system{config};
  std::shared_ptr<work_desk> desk = std::make_shared<work_desk>();
  http_server server{"127.0.0.1", 0, guard_routes(make_repair_routes(desk), access_of_two())};
  desk_actor looks = spawn();
  desk_actor changes = spawn();

  fixture() { desk->open(looks, changes); }
  ~fixture() {
    desk->close();
    server.stop();
    for (const auto& each : {looks, changes})
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  }

  desk_actor spawn() {
    auto tools = std::make_shared<desk_tools>();
    tools->nats = &nats;
    tools->ledger = std::make_unique<fake_ledger>(nats);
    tools->rules = {*currency_code::parse("KRW"), false};
    tools->node = "node";
    return system.spawn<caf::detached>(guarded(work_desk_actor), std::move(tools));
  }

  void park(int record, const std::string& amount) {
    stored_message source;
    source.seq = static_cast<std::uint64_t>(record);
    source.subject = "transaction.deposit";
    source.payload = R"({"recordId":)" + std::to_string(record) + R"(,"userId":"anna","amount":")"
                     + amount + "\"}";
    fake_ledger(nats).park(source, {dead_reason::attempts_exhausted, "refused 1"});
  }

  answered ask(const std::string& method, const std::string& target, const std::string& body = "",
               const std::string& token = operator_token,
               const std::string& type = "application/json") const {
    raw_client client{server.port()};
    auto head = method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    if (!token.empty())
      head += "Authorization: Bearer " + token + "\r\n";
    if (method == "POST")
      head +=
          "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    client.send(head + "\r\n" + body);
    const auto text = client.rest(60s);
    answered result;
    result.status = text.size() > 12 ? std::stoi(text.substr(9, 3)) : 0;
    const auto begin = text.find("\r\n\r\n");
    result.body = nlohmann::json::parse(begin == std::string::npos ? "" : text.substr(begin + 4),
                                        nullptr, false);
    return result;
  }

  std::string problem(const answered& got) const {
    return std::to_string(got.status) + " "
           + (got.body.is_object() ? got.body.value("code", "") : "no problem");
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(repair_routes_tests, fixture)

CAF_TEST(letters are listed and grouped and shown and replayed and discarded) {
  for (int i = 1; i <= 3; ++i)
    park(i, "10");
  park(4, "-1");
  const auto list = ask("GET", "/v1/dead-letters?limit=2");
  CAF_CHECK_EQUAL(list.status, 200);
  CAF_CHECK_EQUAL(list.body.at("items").size(), 2u);
  CAF_CHECK_EQUAL(list.body.at("items").at(0).at("recordId"), 4);
  CAF_CHECK_EQUAL(list.body.at("next"), 3);
  CAF_CHECK_EQUAL(ask("GET", "/v1/dead-letters?before=3&record=1").body.at("items").size(), 1u);
  const auto groups = ask("GET", "/v1/dead-letters/groups").body;
  CAF_CHECK_EQUAL(groups.at("items").size(), 1u);
  CAF_CHECK_EQUAL(groups.at("items").at(0).at("count"), 4);
  CAF_CHECK_EQUAL(groups.at("items").at(0).at("replayed"), 0);
  CAF_CHECK_EQUAL(groups.at("items").at(0).at("failedAgain"), 0);
  const auto shown = ask("GET", "/v1/dead-letters/4").body;
  CAF_CHECK_EQUAL(shown.at("headers").at("Ledgerd-Reason"), "ATTEMPTS_EXHAUSTED");
  CAF_CHECK_EQUAL(shown.at("amount"), "-1");
  const auto cause = groups.at("items").at(0).at("cause").get<std::string>();
  const auto dry = ask("POST", "/v1/dead-letters/replay",
                       R"({"filter":{"cause":")" + cause + R"("},"dryRun":true})");
  CAF_CHECK_EQUAL(dry.status, 200);
  CAF_CHECK_EQUAL(dry.body.at("verdicts").dump(), R"({"PARKED":1,"SUCCESS":3})");
  CAF_CHECK_EQUAL(dry.body.at("done"), 0);
  CAF_CHECK_EQUAL(dry.body.at("wouldBeDone"), 3);
  CAF_CHECK_EQUAL(dry.body.at("upTo"), 4);
  const auto first =
      ask("POST", "/v1/dead-letters/replay", R"({"all":true,"dryRun":true,"upTo":2})");
  CAF_CHECK_EQUAL(first.body.at("count"), 2);
  CAF_CHECK_EQUAL(first.body.at("upTo"), 2);
  for (const auto& each : dry.body.at("items")) {
    CAF_CHECK_EQUAL(each.at("done"), false);
    CAF_CHECK_EQUAL(each.at("wouldBeDone"), each.at("verdict") == "SUCCESS");
  }
  CAF_CHECK(nats.stored(names::request_stream).empty());
  const auto replayed = ask("POST", "/v1/dead-letters/replay",
                            R"({"filter":{"cause":")" + cause + R"("},"why":"mended"})");
  CAF_CHECK_EQUAL(replayed.body.at("done"), 3);
  CAF_CHECK(!replayed.body.contains("wouldBeDone"));
  const auto edited =
      ask("POST", "/v1/dead-letters/replay", R"({"seqs":[4],"set":{"amount":"5"}})");
  CAF_CHECK_EQUAL(edited.body.at("items").at(0).at("verdict"), "SUCCESS");
  const auto tried = ask("POST", "/v1/dead-letters/discard", R"({"seqs":[1,2,9],"dryRun":true})");
  CAF_CHECK_EQUAL(tried.body.at("done"), 0);
  CAF_CHECK_EQUAL(tried.body.at("wouldBeDone"), 2);
  CAF_CHECK_EQUAL(tried.body.at("items").back().at("done"), false);
  CAF_CHECK_EQUAL(tried.body.at("items").back().at("wouldBeDone"), true);
  CAF_CHECK_EQUAL(nats.stored(names::dead_letter_stream).size(), 4u);
  const auto discarded = ask("POST", "/v1/dead-letters/discard", R"({"seqs":[1,2],"why":"done"})");
  CAF_CHECK_EQUAL(discarded.body.at("done"), 2);
  CAF_CHECK_EQUAL(nats.stored(names::dead_letter_stream).size(), 2u);
  const auto actions = ask("GET", "/v1/actions?limit=10").body.at("items");
  CAF_REQUIRE_EQUAL(actions.size(), 6u);
  CAF_CHECK_EQUAL(actions.at(0).at("action"), "discard");
  CAF_CHECK_EQUAL(actions.at(0).at("who"), "ops");
  CAF_CHECK_EQUAL(actions.at(5).at("why"), "mended");
  CAF_CHECK_EQUAL(actions.at(2).at("changed").dump(), R"({"amount":"5"})");
}

CAF_TEST(what goes out is shown as it is published) {
  park(1, "-1");
  const auto first_of = [&](const char* body) {
    return ask("POST", "/v1/dead-letters/replay", body).body.at("items").at(0);
  };
  const auto terms = [](const nlohmann::json& item) {
    return nlohmann::json{item.at("recordId"), item.at("type"), item.at("amount"),
                          item.at("currency"), item.at("userId")}
        .dump();
  };
  const auto* const mended =
      R"({"seqs":[1],"set":{"amount":"5.50","currency":"EUR","userId":"bert"},"dryRun":true})";
  CAF_CHECK_EQUAL(terms(first_of(mended)), R"([1,"DEPOSIT","5.50","EUR","bert"])");
  // As it stands there, where the ledger could not read it.
  CAF_CHECK_EQUAL(terms(first_of(R"({"all":true,"dryRun":true})")),
                  R"([1,"DEPOSIT","-1",null,"anna"])");
  const auto replayed = first_of(R"({"seqs":[1],"set":{"amount":"5"}})");
  CAF_CHECK_EQUAL(terms(replayed), R"([1,"DEPOSIT","5","KRW","anna"])");
  CAF_CHECK(!ask("POST", "/v1/dead-letters/discard", R"({"seqs":[1],"dryRun":true})")
                 .body.at("items")
                 .at(0)
                 .contains("amount"));
}

CAF_TEST(a payload that is no text is given by its bytes) {
  for (const std::string& payload : {std::string("\xff\0a", 3), std::string("{\0\xc3\xa9", 4)}) {
    stored_message source;
    source.seq = 1 + payload.size();
    source.subject = "transaction.deposit";
    source.payload = payload;
    fake_ledger(nats).park(source, {dead_reason::malformed_json, "byte 1"});
  }
  CAF_CHECK_EQUAL(ask("GET", "/v1/dead-letters/1").body.value("payloadBase64", ""), "/wBh");
  const auto text = ask("GET", "/v1/dead-letters/2").body;
  CAF_CHECK(!text.contains("payloadBase64"));
  CAF_CHECK_EQUAL(text.at("payload"), std::string("{\0\xc3\xa9", 4));
  // What a page has cut within a character is text all the same.
  stored_message source;
  source.seq = 9;
  source.subject = "transaction.deposit";
  for (std::size_t i = 0; i < letter_shelf::shown_payload_max; ++i)
    source.payload += "\xc3\xa9";
  source.payload.insert(0, "a");
  fake_ledger(nats).park(source, {dead_reason::malformed_json, "byte 1"});
  CAF_CHECK(
      !ask("GET", "/v1/dead-letters?limit=1").body.at("items").at(0).contains("payloadBase64"));
}

CAF_TEST(a page of large letters is small) {
  constexpr std::size_t each_max = 4096;
  constexpr std::uint64_t letters = 20;
  for (std::uint64_t i = 1; i <= letters; ++i) {
    stored_message source;
    source.seq = i;
    source.subject = "transaction.deposit";
    source.payload = R"({"recordId":1,"userId":")" + std::string(900'000, 'a') + "\"}";
    source.headers = {{"note", std::string(50'000, 'h')}};
    fake_ledger(nats).park(source, {dead_reason::too_large, "more than 64 KiB"});
  }
  const auto page = ask("GET", "/v1/dead-letters?limit=1000").body;
  CAF_REQUIRE_EQUAL(page.at("items").size(), letters);
  CAF_CHECK(page.dump().size() < letters * each_max);
  CAF_CHECK_EQUAL(page.at("items").at(0).at("userId"), std::string(512, 'a') + "...");
  CAF_CHECK(page.at("items").at(0).at("bytes") > 900'000);
  // One by itself is shown whole.
  const auto whole = ask("GET", "/v1/dead-letters/1").body;
  CAF_CHECK_EQUAL(whole.at("userId"), std::string(900'000, 'a'));
}

CAF_TEST(what is wrong with a call is said as everywhere) {
  park(1, "-1");
  struct row {
    const char* method;
    const char* target;
    const char* body;
    const char* problem;
  };
  const row table[] = {
      {"GET", "/v1/dead-letters?limit=0", "", "400 INVALID_FIELD"},
      {"GET", "/v1/dead-letters?limit=5&limit=6", "", "400 INVALID_FIELD"},
      {"GET", "/v1/dead-letters?colour=red", "", "400 INVALID_FIELD"},
      {"GET", "/v1/dead-letters?since=soon", "", "400 INVALID_FIELD"},
      {"GET", "/v1/dead-letters/groups?limit=5", "", "400 INVALID_FIELD"},
      {"GET", "/v1/dead-letters/x", "", "400 INVALID_FIELD"},
      {"GET", "/v1/dead-letters/99", "", "404 NOT_FOUND"},
      {"GET", "/v1/dead-letters/1?limit=5", "", "400 INVALID_FIELD"},
      {"GET", "/v1/dead-letters/replay", "", "405 METHOD_NOT_ALLOWED"},
      {"GET", "/v1/dead-letters/discard", "", "405 METHOD_NOT_ALLOWED"},
      {"GET", "/v1/actions?user=anna", "", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", "[]", "400 MALFORMED_JSON"},
      {"POST", "/v1/dead-letters/replay", "{}", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"seqs":[]})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"seqs":[0]})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"seqs":[1],"all":true})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"filter":{}})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"all":true,"limit":10001})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"all":true,"colour":1})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"all":true,"upTo":-1})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"all":true,"set":{"a":"b"}})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/discard", R"({"seqs":[1],"set":{"a":"b"}})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"seqs":[1,2],"payload":"{}"})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"filter":{"record":"1"},"payload":"{}"})",
       "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"seqs":[1],"set":{"amount":"x"}})",
       "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"seqs":[1],"set":{"ammount":"5"}})",
       "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"seqs":[1],"set":{"amount":"5","Amount":"6"}})",
       "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"seqs":[1],"payload":"x"})", "400 MALFORMED_JSON"},
      {"POST", "/v1/dead-letters/discard", R"({"dryRun":true,"dryRun":false,"seqs":[1]})",
       "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/discard", R"({"seqs":[99],"seqs":[1]})", "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/discard", R"({"filter":{"user":"x","us\u0065r":"anna"}})",
       "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"seqs":[1],"set":{"amount":"5","amount":"6"}})",
       "400 INVALID_FIELD"},
      {"POST", "/v1/dead-letters/replay", R"({"seqs":[99]})", "404 NOT_FOUND"},
      {"POST", "/v1/dead-letters/discard", R"({"seqs":[99]})", "404 NOT_FOUND"},
  };
  for (const auto& [method, target, body, expected] : table)
    CAF_CHECK_EQUAL(std::string(target) + " " + body + " " + problem(ask(method, target, body)),
                    std::string(target) + " " + body + " " + expected);
  const auto misspelt =
      ask("POST", "/v1/dead-letters/replay", R"({"seqs":[1],"set":{"ammount":"5"}})");
  CAF_CHECK_EQUAL(misspelt.body.value("detail", ""),
                  "field \"ammount\": is no field of a request; did you mean `amount`?");
  const auto twice =
      ask("POST", "/v1/dead-letters/discard", R"({"dryRun":true,"dryRun":false,"seqs":[1]})");
  CAF_CHECK_EQUAL(twice.body.value("detail", ""), "field \"dryRun\": must not be given twice");
  CAF_CHECK_EQUAL(nats.stored(names::dead_letter_stream).size(), 1u);
  CAF_CHECK_EQUAL(problem(ask("GET", "/v1/dead-letters", "", "")), "401 UNAUTHORIZED");
  CAF_CHECK_EQUAL(problem(ask("GET", "/v1/actions", "", reader_token)), "403 FORBIDDEN");
  CAF_CHECK_EQUAL(problem(ask("POST", "/v1/dead-letters/replay", "{}", reader_token)),
                  "403 FORBIDDEN");
  CAF_CHECK_EQUAL(
      problem(ask("POST", "/v1/dead-letters/replay", "{}", operator_token, "text/plain")),
      "415 UNSUPPORTED_MEDIA_TYPE");
  CAF_CHECK(nats.stored(names::action_stream).empty());
}

CAF_TEST(the desk answers everybody though its work stands still) {
  std::promise<void> go;
  const auto gate = go.get_future().share();
  std::atomic<int> refused{0};
  std::atomic<int> done{0};
  std::atomic<int> told_when{0};
  const auto note = [&](const http_response& answer) {
    if (answer.status == 503 && answer.headers == decltype(answer.headers){{"Retry-After", "2"}})
      ++told_when; // once, in the desk's own words
    ++(answer.status == 503 ? refused : done);
  };
  std::promise<void> begun; // only the first work ever begins
  const auto wait = [gate, &begun](desk_tools&, const desk_limit&) {
    begun.set_value();
    gate.wait();
    return http_response{};
  };
  for (std::size_t i = 0; i < work_desk::waiting_max + 5; ++i)
    desk->give(desk_lane::look, wait, note);
  CAF_CHECK_EQUAL(refused.load(), 5);
  // The other lane does not wait for it.
  std::promise<int> other;
  desk->give(
      desk_lane::change,
      [](desk_tools& with, const desk_limit& limit) {
        return http_response{limit.over() ? 500 : 200, with.node, "", {}};
      },
      [&](const http_response& answer) { other.set_value(answer.status); });
  CAF_CHECK_EQUAL(other.get_future().get(), 200);
  // A closing node answers what waits.
  begun.get_future().wait();
  desk->close();
  go.set_value();
  for (int i = 0; i < 500 && done + refused < static_cast<int>(work_desk::waiting_max + 5); ++i)
    std::this_thread::sleep_for(10ms);
  CAF_CHECK_EQUAL(done.load(), 1);
  CAF_CHECK_EQUAL(refused.load(), static_cast<int>(work_desk::waiting_max) + 4);
  CAF_CHECK_EQUAL(told_when.load(), refused.load());
  CAF_CHECK_EQUAL(problem(ask("GET", "/v1/actions")), "503 UNAVAILABLE");
}

CAF_TEST(work that fails on its way says what was done) {
  for (int i = 1; i <= 3; ++i)
    park(i, "10");
  nats.on_delete = [](std::uint64_t seq) {
    if (seq == 3)
      throw std::runtime_error("the broker does not answer");
  };
  const auto got = ask("POST", "/v1/dead-letters/discard", R"({"all":true})");
  CAF_CHECK_EQUAL(got.status, 200);
  CAF_CHECK_EQUAL(got.body.at("done"), 2);
  CAF_CHECK_EQUAL(got.body.at("next"), 2);
  CAF_CHECK_EQUAL(got.body.at("failure"), "the broker does not answer");
  CAF_CHECK_EQUAL(problem(ask("POST", "/v1/dead-letters/discard", R"({"all":true})")),
                  "503 UNAVAILABLE");
}

CAF_TEST(while NATS is away that is said at once) {
  park(1, "10");
  nats.is_connected = false;
  for (const auto* target : {"/v1/dead-letters", "/v1/dead-letters/1", "/v1/actions"}) {
    const auto got = ask("GET", target);
    CAF_CHECK_EQUAL(std::string(target) + problem(got), std::string(target) + "503 UNAVAILABLE");
    CAF_CHECK_EQUAL(got.body.at("detail").get<std::string>(),
                    "NATS is away: dead letters and actions are in its streams");
  }
  CAF_CHECK_EQUAL(problem(ask("POST", "/v1/dead-letters/discard", R"({"all":true})")),
                  "503 UNAVAILABLE");
  CAF_CHECK_EQUAL(nats.reads, 0u);
  nats.is_connected = true;
  CAF_CHECK_EQUAL(ask("GET", "/v1/dead-letters/1").status, 200);
}

CAF_TEST(work that cannot be done is 503 with its reason) {
  nats.streams.erase("TRANSACTION_ACTIONS");
  park(1, "10");
  const auto got = ask("POST", "/v1/dead-letters/discard", R"({"all":true})");
  CAF_CHECK_EQUAL(problem(got), "503 UNAVAILABLE");
  CAF_CHECK(got.body.at("detail").get<std::string>().find("TRANSACTION_ACTIONS")
            != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()
