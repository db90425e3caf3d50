// The benchmark as a user runs it: every contender comes to its end, and none is left behind.

#include <nlohmann/json.hpp>

#include "tests/app/verbs/program.hpp"
#include "tests/support/private_servers.hpp"

#define CAF_SUITE bench
#include "caf/test/unit_test.hpp"

using namespace ledgerd::test;

namespace {

struct fixture {
  private_servers servers;

  program_run shell(const std::string& script) const {
    return run_shell(script, {"LEDGERD_NATS_URL=" + servers.nats_url(),
                              "LEDGERD_DATABASE_URL=" + servers.database_url()});
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(bench_tests, fixture)

CAF_TEST(every contender decides every message) {
  const auto ran = shell("ledgerd bench --messages 3000 --one-by-one-messages 100 --rounds 1 "
                         "--scenario even --latency-load 0 --json");
  CAF_REQUIRE_EQUAL(std::make_pair(ran.err, ran.code), std::make_pair(ran.err, 0));
  const auto figures = nlohmann::json::parse(ran.out).at("scenarios").at("even");
  for (const auto* contender : {"one-by-one", "straight", "daemon"})
    CAF_CHECK_GREATER(figures.at(contender).at("median_rate").get<double>(), 0);
}

CAF_TEST(a benchmark that is killed takes its daemon with it) {
  const auto ran = shell(R"(
    # The first child of a process.
    child() { cat /proc/$1/task/*/children 2>/dev/null | cut -d' ' -f1; }
    ledgerd bench --contender daemon --messages 200000 --rounds 1 --scenario even --latency-load 0 &
    shell=$!
    for ((i = 0; i < 300; ++i)); do
      bench=$(child $shell)
      daemon=$(child ${bench:-none})
      [[ -z $daemon ]] || break
      sleep 0.1
    done
    kill -9 $bench
    [[ -n $daemon ]] || exit 2
    for ((i = 0; i < 200; ++i)); do
      [[ $(cut -d' ' -f3 /proc/$daemon/stat 2>/dev/null) == [A-Y] ]] || exit 0 # gone, or a zombie
      sleep 0.1
    done
    kill -9 $daemon
    exit 1)");
  CAF_CHECK_EQUAL(ran.code, 0);
}

CAF_TEST_FIXTURE_SCOPE_END()
