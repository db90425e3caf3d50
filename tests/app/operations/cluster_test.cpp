// What all nodes together say, asked of them and shown.

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <functional>
#include <mutex>
#include <thread>

#include "actors/common/fail_stop.hpp"
#include "app/operations/cluster_question.hpp"
#include "app/operations/cluster_report.hpp"
#include "app/operations/routes.hpp"
#include "tests/app/operations/fake_line.hpp"

#define CAF_SUITE cluster
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

using moment = cluster_gathering::time_point;

const moment start{1000h};

cluster_answer of_node(std::uint64_t boot, std::string name, std::vector<known_node> knows = {}) {
  cluster_answer result;
  result.word.boot = boot_id{boot};
  result.word.name = std::move(name);
  result.word.version = "1.2.3";
  result.word.ledger = true;
  result.word.doing = node_doing::serving;
  result.word.uptime_ms = 10000;
  result.knows = std::move(knows);
  return result;
}

known_node knows(std::uint64_t boot, std::string name, std::uint64_t age_ms = 10) {
  return {boot_id{boot}, std::move(name), "1.2.3", true, false, node_doing::serving, age_ms, true};
}

line_reply reply_of(std::uint64_t number, const cluster_answer& answer) {
  return {number, false, encode_answer(answer)};
}

} // namespace

CAF_TEST(a question is over when all who are known have answered and it has been quiet) {
  cluster_gathering gathered{7, start + 1000ms};
  CAF_CHECK(gathered.left(start) == 1000ms);
  gathered.add(reply_of(7, of_node(1, "a", {knows(2, "b")})), start + 10ms);
  CAF_CHECK(gathered.left(start + 10ms) == 990ms); // b is missing
  gathered.add(reply_of(7, of_node(2, "b", {knows(1, "a")})), start + 20ms);
  CAF_CHECK(gathered.left(start + 20ms) == cluster_gathering::quiet);
  // One whom nobody knows yet.
  gathered.add(reply_of(7, of_node(3, "c")), start + 90ms);
  CAF_CHECK(gathered.left(start + 90ms) == cluster_gathering::quiet);
  CAF_CHECK(gathered.left(start + 190ms) == 0ms);
  CAF_CHECK_EQUAL(gathered.answers().size(), 3u);
}

CAF_TEST(what is no answer to the question is ignored) {
  cluster_gathering gathered{7, start + 1000ms};
  gathered.add(reply_of(6, of_node(1, "a")), start); // of the question before
  gathered.add({7, false, "{}"}, start);
  gathered.add({7, false, ""}, start);
  CAF_CHECK(gathered.answers().empty());
  CAF_CHECK(gathered.left(start) == 1000ms);
  gathered.add(reply_of(7, of_node(1, "a")), start);
  gathered.add(reply_of(7, of_node(1, "a")), start + 50ms); // does not prolong it
  CAF_CHECK_EQUAL(gathered.answers().size(), 1u);
  CAF_CHECK(gathered.left(start + 100ms) == 0ms);
}

CAF_TEST(a question ends at its deadline and at once when nobody is there) {
  cluster_gathering silent{1, start + 1000ms};
  silent.add(reply_of(1, of_node(1, "a", {knows(2, "b")})), start);
  CAF_CHECK(silent.left(start + 999ms) == 1ms);
  CAF_CHECK(silent.left(start + 1000ms) == 0ms);
  CAF_CHECK(silent.left(start + 5000ms) == 0ms);
  cluster_gathering nobody{1, start + 1000ms};
  nobody.add({1, true, ""}, start);
  CAF_CHECK(nobody.left(start) == 0ms);
}

CAF_TEST(who asks waits for the answers and no longer) {
  const auto line = std::make_shared<fake_line>();
  cluster_question question{line};
  line->reply_with({reply_of(0, of_node(1, "a", {knows(2, "b")})), reply_of(0, of_node(2, "b"))});
  CAF_CHECK_EQUAL(question.ask().size(), 2u);
  line->reply_with({{0, true, ""}});
  CAF_CHECK(question.ask().empty());
  line->reply_with({});
  const auto began = std::chrono::steady_clock::now();
  CAF_CHECK(question.ask().empty());
  const auto took = std::chrono::steady_clock::now() - began;
  CAF_CHECK(took >= cluster_question::patience);
  CAF_CHECK_EQUAL(line->asked.load(), 3);
}

CAF_TEST(many who ask at once cost one question) {
  caf::actor_system_config config;
  caf::actor_system system{config};
  const auto line = std::make_shared<fake_line>();
  line->reply_with({reply_of(0, of_node(1, "a"))});
  const auto asker =
      system.spawn<caf::detached>(guarded(cluster_asker), std::shared_ptr<peer_line>{line});
  caf::scoped_actor self{system};
  for (int i = 0; i < 20; ++i)
    self->request(asker, 10s, report_atom_v)
        .receive([](const cluster_answers& got) { CAF_CHECK_EQUAL(got->size(), 1u); },
                 [](const caf::error&) { CAF_ERROR("no answer"); });
  self->send_exit(asker, caf::exit_reason::user_shutdown);
  self->wait_for(asker);
  CAF_CHECK_LESS(line->asked.load(), 5);
}

CAF_TEST(what nobody knows of a silent node is null) {
  auto a = of_node(1, "a", {knows(2, "b", 42), knows(3, "c", 7000)});
  a.tally = {512, 300, 4, 5, 6, 7, {{"b", 90}, {"c", 10}}};
  auto b = of_node(2, "b", {knows(1, "a", 30), knows(3, "c", 6500)});
  a.tally.entries = {260, 30, 8, 2};
  a.tally.undecided = {{"d", 20}, {"w", 700}};
  b.tally = {256, 100, 0, 0, 0, 0, {}};
  b.tally.entries = {1, 0, 0, 0};
  b.tally.undecided = {{"d", 20}, {"w", std::nullopt}};
  b.word.account = true;
  const auto shown = cluster_json(view_of({b, a}));
  CAF_CHECK_EQUAL(shown.at("known"), 3);
  CAF_CHECK_EQUAL(shown.at("answered"), 2);
  CAF_CHECK_EQUAL(shown.at("silent"), 1);
  CAF_CHECK_EQUAL(
      shown.at("nodes").at(0).dump(),
      R"({"name":"a","boot":"0000000000000001","version":"1.2.3","roles":["ledger"],)"
      R"("doing":"serving","silent":false,"uptimeMs":10000,"ageMs":30,"linkUp":true,)"
      R"("shards":512,"shareOfWork":0.75,"decided":300,)"
      R"("entries":{"applied":260,"refused":30,"duplicate":8,"parked":2},"oldestUndecidedMs":700,)"
      R"("forwardedTo":[{"node":"b","entries":90},{"node":"c","entries":10}],"receivedFrom":[],)"
      R"("returned":4,"fenceRejections":5,"handOvers":6,"framesDropped":7})");
  CAF_CHECK_EQUAL(shown.at("nodes").at(1).at("roles").dump(), R"(["ledger","account"])");
  CAF_CHECK_EQUAL(shown.at("nodes").at(1).at("entries").at("applied"), 1);
  CAF_CHECK(shown.at("nodes").at(1).at("oldestUndecidedMs").is_null());
  CAF_CHECK_EQUAL(
      shown.at("nodes").at(2).dump(),
      R"({"name":"c","boot":"0000000000000003","version":"1.2.3","roles":["ledger"],)"
      R"("doing":"serving","silent":true,"uptimeMs":null,"ageMs":6500,"linkUp":true,)"
      R"("shards":null,"shareOfWork":null,"decided":null,"entries":null,)"
      R"("oldestUndecidedMs":null,"forwardedTo":[],)"
      R"("receivedFrom":[{"node":"a","entries":10}],)"
      R"("returned":null,"fenceRejections":null,"handOvers":null,"framesDropped":null})");
}

CAF_TEST(the route shows the nodes or says that nobody has answered) {
  http_routes daemon;
  std::vector<node_view> nodes;
  daemon.cluster = [&](const auto& answer) { answer(nodes); };
  const auto routes = make_routes(daemon);
  const auto route = std::find_if(routes.begin(), routes.end(),
                                  [](const auto& each) { return each.path == "/v1/cluster"; });
  CAF_REQUIRE(route != routes.end());
  CAF_CHECK_EQUAL(route->method, "GET");
  http_response got;
  const auto ask = [&] {
    route->handle({}, [&](http_response answer) { got = std::move(answer); });
  };
  ask();
  CAF_CHECK_EQUAL(got.status, 503);
  nodes = view_of({of_node(1, "a")});
  ask();
  CAF_CHECK_EQUAL(got.status, 200);
  CAF_CHECK_EQUAL(nlohmann::json::parse(got.body).at("nodes").at(0).at("name").get<std::string>(),
                  "a");
}

CAF_TEST(a time is told in the largest unit that tells enough) {
  const std::vector<std::pair<std::uint64_t, std::string>> table{
      {0, "0s"},         {999, "0s"},     {119999, "119s"},   {120000, "2m"},
      {7199999, "119m"}, {7200000, "2h"}, {172799999, "47h"}, {172800000, "2d"},
  };
  for (const auto& [milliseconds, text] : table)
    CAF_CHECK_EQUAL(rough_time(milliseconds), text);
}

CAF_TEST(a namesake is told in one sentence) {
  CAF_CHECK_EQUAL(describe_namesake(of_node(10, "a")),
                  "another node has the name a and is serving: boot id 000000000000000a, version "
                  "1.2.3, up for 10s; each node needs a --node-name of its own");
}
