#include "app/verbs/status_conclusion.hpp"

#include <utility>

#define CAF_SUITE status_conclusion
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

node_state node(const char* name, std::optional<double> decided = 0.0) {
  node_state result;
  result.name = name;
  result.pace.decided_per_second = decided;
  return result;
}

node_state silent(const char* name) {
  auto result = node(name, std::nullopt);
  result.silent = true;
  result.answers = false;
  return result;
}

node_state doing(const char* name, node_doing what) {
  auto result = node(name);
  result.doing = what;
  return result;
}

// With a node, and with nothing to do.
system_state quiet(std::vector<node_state> nodes = {node("a")}) {
  system_state result;
  result.nodes = std::move(nodes);
  result.waiting = 0;
  result.oldest_ms = 0;
  return result;
}

system_state waiting(std::vector<node_state> nodes, std::uint64_t count,
                     std::optional<std::int64_t> oldest_ms) {
  auto result = quiet(std::move(nodes));
  result.waiting = count;
  result.oldest_ms = oldest_ms;
  return result;
}

// The line, with `!` before a fault.
std::string line(const system_state& state) {
  const auto result = conclude(state);
  return (result.fault ? "!" : "") + result.text;
}

// Of all consumers together; what is not known of one is nothing.
node_tally counted(std::uint64_t at_ms, std::uint64_t applied,
                   std::vector<std::optional<std::uint64_t>> oldest) {
  node_tally result;
  result.entries = {applied, 1, 1, 1};
  for (const auto& each : oldest)
    result.undecided.push_back({"consumer", each});
  result.counted_ms = at_ms;
  return result;
}

} // namespace

CAF_TEST(all is well with what is under way) {
  CAF_CHECK_EQUAL(line(quiet()), "all is well: no request waits, 0 a second are decided");
  CAF_CHECK_EQUAL(line(waiting({node("a", 70.0), node("b", 50.4)}, 12, 300)),
                  "all is well: 12 requests wait, the oldest for 0.3 s, 120 a second are decided");
  // One that came just now.
  CAF_CHECK_EQUAL(line(waiting({node("a")}, 1, 1999)),
                  "all is well: 1 request waits, the oldest for 1.9 s, 0 a second are decided");
  auto unknown = quiet({node("a", std::nullopt)});
  unknown.waiting = std::nullopt;
  unknown.oldest_ms = std::nullopt;
  CAF_CHECK_EQUAL(line(unknown), "all is well: nobody knows how many requests wait");
}

CAF_TEST(nothing is decided and the first that is unready says why) {
  auto stuck = waiting({node("a"), doing("b", node_doing::paused)}, 7, 42'000);
  const std::string begin =
      "!nothing is being decided although 7 requests wait, the oldest for 42 s: ";
  CAF_CHECK_EQUAL(line(stuck), begin + "node b is paused, since its database is away");
  stuck.ledger_fault = "PostgreSQL: refused";
  CAF_CHECK_EQUAL(line(stuck),
                  begin + "node b is paused, since its database is away (PostgreSQL: refused)");
  stuck.daemon_fault = "the daemon is not ready: database: away";
  CAF_CHECK_EQUAL(line(stuck), begin + "the daemon is not ready: database: away");
  stuck.daemon_fault = {};
  stuck.nodes = {doing("a", node_doing::stalled)};
  CAF_CHECK_EQUAL(line(stuck), begin + "node a is stalled");
  stuck.nodes = {node("a")};
  CAF_CHECK_EQUAL(line(stuck), begin + "PostgreSQL: refused");
  stuck.ledger_fault = {};
  CAF_CHECK_EQUAL(line(stuck), begin + "no node says why, see `ledgerd metrics`");
  stuck.nodes = {node("a"), silent("b")};
  CAF_CHECK_EQUAL(line(stuck), begin + "node b is silent");
  stuck.nodes = {silent("b"), silent("c")};
  CAF_CHECK_EQUAL(line(stuck), begin + "nodes b, c are silent");
  stuck.nodes = {node("a")};
  stuck.nodes[0].ledger = false;
  CAF_CHECK_EQUAL(line(stuck), begin + "no node with the role ledger answers");
}

CAF_TEST(accounts that are set aside say why nothing is decided) {
  auto stuck = waiting({node("a")}, 1, 17'000);
  stuck.aside = 1;
  const std::string begin = "!nothing is being decided although 1 request waits, the oldest for 17 "
                            "s: ";
  const std::string lead = " set aside, locked, refused or slow in the database: `ledgerd locks "
                           "list` says who holds locks, `ledgerd metrics` what each account waits "
                           "for";
  CAF_CHECK_EQUAL(line(stuck), begin + "1 account is" + lead);
  stuck.aside = 12;
  CAF_CHECK_EQUAL(line(stuck), begin + "12 accounts are" + lead);
  // What is worse comes first.
  stuck.nodes.push_back(silent("b"));
  CAF_CHECK_EQUAL(line(stuck), begin + "node b is silent");
}

CAF_TEST(a standstill is what waits and is not decided) {
  CAF_CHECK(stands_still(waiting({node("a")}, 1, 2000)));
  CAF_CHECK(!stands_still(waiting({node("a")}, 1, 1999)));
  CAF_CHECK(!stands_still(waiting({node("a")}, 0, 0)));
  CAF_CHECK(!stands_still(waiting({node("a", 0.5)}, 1, 2000)));
}

CAF_TEST(a node says at each gate how many accounts are set aside) {
  CAF_CHECK_EQUAL(
      aside_accounts_in(nlohmann::ordered_json::parse(
          R"({"actors":[{"values":{"aside_accounts":2}},{"values":{"pulls":7}},)"
          R"({"values":{"aside_accounts":3}},{"values":{"aside_accounts":null}},{}]})")),
      5u);
  CAF_CHECK_EQUAL(aside_accounts_in(nlohmann::ordered_json::object()), 0u);
}

CAF_TEST(what nobody knows is not called nothing) {
  auto hangs = node("a", std::nullopt);
  hangs.answers = false;
  CAF_CHECK_EQUAL(line(waiting({hangs}, 7, 5000)),
                  "!nobody knows what is being decided, and 7 requests wait, the oldest for 5.0 s: "
                  "no node says why, see `ledgerd metrics`");
  // Nor with another one that has decided nothing.
  CAF_CHECK(line(waiting({hangs, node("b")}, 7, 5000)).starts_with("!nobody knows"));
  // Where the age is not known, a second without a decision is enough.
  CAF_CHECK_EQUAL(line(waiting({node("a")}, 7, std::nullopt)),
                  "!nothing is being decided although 7 requests wait: no node says why, see "
                  "`ledgerd metrics`");
}

CAF_TEST(nodes of one name are a fault) {
  CAF_CHECK_EQUAL(line(quiet({node("a"), node("b"), node("b")})),
                  "!two nodes are named b: both are unready until one of them is stopped; give "
                  "each a --node-name of its own");
  CAF_CHECK_EQUAL(line(quiet({node("a"), node("a"), node("a"), node("b"), node("b")})),
                  "!3 nodes are named a: all are unready until one is left; give each a "
                  "--node-name of its own");
  // One that goes away, that has gone, or that waits for the name to be free.
  CAF_CHECK(!conclude(quiet({node("a"), doing("a", node_doing::leaving)})).fault);
  CAF_CHECK_EQUAL(line(quiet({node("a"), silent("a")})), "!node a is silent");
  CAF_CHECK(!conclude(quiet({node("a"), doing("a", node_doing::starting)})).fault);
}

CAF_TEST(a name that several silent nodes have is said once) {
  CAF_CHECK_EQUAL(line(quiet({node("a"), silent("b"), silent("b")})), "!node b is silent");
  CAF_CHECK_EQUAL(line(quiet({node("a"), silent("b"), silent("b"), silent("c")})),
                  "!nodes b, c are silent");
}

CAF_TEST(a part that is away) {
  auto state = quiet();
  state.daemon_fault = "the daemon is not ready: x: y";
  CAF_CHECK_EQUAL(line(state), "!the daemon is not ready: x: y");
  state.daemon_fault = {};
  state.ledger_fault = "PostgreSQL: refused";
  CAF_CHECK_EQUAL(line(state), "!PostgreSQL: refused");
  state.nodes.push_back(silent("b"));
  CAF_CHECK_EQUAL(line(state), "!node b is silent");
  state.nodes.push_back(silent("c"));
  CAF_CHECK_EQUAL(line(state), "!nodes b, c are silent");
  state.nodes.clear();
  CAF_CHECK_EQUAL(line(state), "!no node answers, and no request waits");
  state.waiting = 3;
  state.oldest_ms = 150'000;
  CAF_CHECK_EQUAL(line(state), "!no node answers, and 3 requests wait, the oldest for 2 min");
  state.cluster_fault = "no responders";
  CAF_CHECK_EQUAL(line(state), "!the nodes cannot be asked: no responders");
  state.broker_fault = "refused";
  CAF_CHECK_EQUAL(line(state), "!NATS does not answer, so nobody knows what waits: refused");
}

CAF_TEST(a consumer that no server answers for) {
  auto state = quiet();
  state.waiting = std::nullopt;
  state.silent_fault = "consumer x of stream s: no server answers for it";
  CAF_CHECK_EQUAL(line(state), "!consumer x of stream s: no server answers for it");
  state.daemon_fault = "the daemon is not ready: x: nothing is heard"; // which it is for that
  CAF_CHECK_EQUAL(line(state), "!consumer x of stream s: no server answers for it");
  state.ledger_fault = "PostgreSQL does not answer: refused";
  CAF_CHECK_EQUAL(line(state), "!PostgreSQL does not answer: refused");
  state.nodes = {node("a"), silent("b")};
  CAF_CHECK_EQUAL(line(state), "!node b is silent");
  state.nodes = {};
  CAF_CHECK_EQUAL(line(state), "!no node answers, and nobody knows how many requests wait");
}

CAF_TEST(what nobody has to get up for is said and is no fault) {
  CAF_CHECK_EQUAL(line(waiting({node("a", 2.5)}, 7, 42'000)),
                  "requests are late: 7 requests wait, the oldest for 42 s, and 2.5 a second are "
                  "decided");
  CAF_CHECK_EQUAL(line(quiet({node("a"), doing("b", node_doing::leaving)})), "node b is leaving");
  auto hangs = node("b", std::nullopt);
  hangs.answers = false;
  CAF_CHECK_EQUAL(line(quiet({node("a"), hangs})), "node b does not say its numbers");
  auto another = hangs;
  another.name = "c";
  CAF_CHECK_EQUAL(line(quiet({hangs, another})), "nodes b, c do not say their numbers");
}

CAF_TEST(a pace is the difference of two answers by the clock of the node) {
  const auto first = counted(1000, 30, {std::nullopt, 5});
  const auto second = counted(3000, 35, {7, std::nullopt});
  const auto pace = pace_of(&first, second);
  CAF_CHECK(pace.decided_per_second == 2.5);
  CAF_CHECK(pace.oldest_ms == 7);
  CAF_CHECK(pace_of(&first, first).decided_per_second == std::nullopt);  // not counted again
  CAF_CHECK(pace_of(&second, first).decided_per_second == std::nullopt); // it began anew
  CAF_CHECK(pace_of(nullptr, second).decided_per_second == std::nullopt);
  CAF_CHECK(pace_of(nullptr, second).oldest_ms == 7);
  CAF_CHECK(pace_of(&first, counted(3000, 35, {std::nullopt})).oldest_ms == std::nullopt);
}

CAF_TEST(of a node whose fetchers do not all answer nothing is known) {
  const auto first = counted(1000, 30, {5});
  auto hangs = counted(2000, 40, {5});
  hangs.entries.reset();
  CAF_CHECK(pace_of(&first, hangs).decided_per_second == std::nullopt);
  CAF_CHECK(pace_of(&first, hangs).oldest_ms == std::nullopt);
  CAF_CHECK(pace_of(&hangs, counted(3000, 40, {5})).decided_per_second == std::nullopt);
}

CAF_TEST(what waits and what is decided is said in one line) {
  const auto says_flow = [](const system_state& state) { return conclude(state).says_flow; };
  CAF_CHECK(says_flow(quiet()));
  CAF_CHECK(says_flow(waiting({node("a", 2.5)}, 7, 42'000)));
  CAF_CHECK(!says_flow(quiet({node("a", std::nullopt)})));
  CAF_CHECK(!says_flow(quiet({node("a"), silent("b")})));
  CAF_CHECK(!says_flow(waiting({node("a")}, 7, 42'000)));
}

CAF_TEST(ages have the unit that tells enough) {
  for (const auto& [ms, wanted] :
       std::vector<std::pair<std::int64_t, std::string>>{{-5, "0.0 s"},
                                                         {340, "0.3 s"},
                                                         {9999, "9.9 s"},
                                                         {42'000, "42 s"},
                                                         {119'000, "119 s"},
                                                         {120'000, "2 min"},
                                                         {7'200'000, "2 h"},
                                                         {172'800'000, "2 d"}})
    CAF_CHECK_EQUAL(age_text(ms), wanted);
}
