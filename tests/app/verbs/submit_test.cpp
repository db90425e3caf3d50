// Where requests may come from: whatever it is, the number that is printed is the number in the
// stream.

#include <atomic>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "messaging/broker.hpp"
#include "messaging/names.hpp"
#include "tests/app/temporary_file.hpp"
#include "tests/app/verbs/program.hpp"
#include "tests/support/private_servers.hpp"

#define CAF_SUITE submit
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

// The shell's way to print requests: `requests 1 500`; and `freeze PID`, which ends when every
// thread stands still: `kill` returns before the first does, and on a busy machine the others go on
// meanwhile.
constexpr auto requests = R"(
freeze() { kill -STOP $1; while sed 's/.*) //' /proc/$1/task/*/stat | grep -qv ^T; do :; done; }
requests() { for ((i = $1; i <= $2; ++i)); do
  echo "{\"recordId\":$i,\"userId\":\"bob\",\"amount\":\"1\",\"type\":\"DEPOSIT\",\"currency\":\"KRW\"}"
done; }
)";

// One pair of servers for all tests, with a fresh stream for each.
private_servers& world() {
  static private_servers servers;
  return servers;
}

struct fixture {
  private_servers& servers = world();
  std::unique_ptr<broker> nats;

  fixture() {
    CAF_REQUIRE_EQUAL(shell("ledgerd migrate").code, 0);
    broker_options options;
    options.url = servers.nats_url();
    nats = broker::connect(options, [](link_event, const std::string&) {});
    nats->delete_stream(names::request_stream);
    CAF_REQUIRE(nats->provision({}).empty());
  }

  program_run shell(const std::string& script) const {
    return run_shell(requests + script,
                     {"LEDGERD_NATS_URL=" + servers.nats_url(),
                      "LEDGERD_DATABASE_URL=" + servers.database_url(), "LEDGERD_HTTP_LISTEN=off"});
  }

  std::uint64_t stored() const { return nats->stream(names::request_stream).messages; }

  // `await` in the script ends when so many messages are in the stream.
  program_run shell_with_signal_at(std::uint64_t count, const std::string& script) const {
    const auto flag = servers.directory() + "/flag";
    const auto end = flag + "-over"; // for the script's own use
    std::remove(flag.c_str());
    std::remove(end.c_str());
    std::atomic<bool> over = false;
    std::thread watch([&] {
      while (!over && stored() < count)
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
      std::ofstream{flag};
    });
    const auto result = shell("over=" + end + "; await() { until [ -e " + flag
                              + " ]; do sleep 0.1; done; }\n" + script);
    over = true;
    watch.join();
    return result;
  }

  // What was printed, what is in the stream now, and the exit code.
  void check(const std::string& script, std::uint64_t more) const {
    const auto before = stored();
    const auto result = shell(script);
    const auto shown = script + ": " + result.err;
    CAF_CHECK_EQUAL(std::make_pair(shown, result.code), std::make_pair(shown, 0));
    CAF_CHECK_EQUAL(
        std::make_pair(shown, contains(result.out, "sent " + std::to_string(more) + " in ")),
        std::make_pair(shown, true));
    CAF_CHECK_EQUAL(std::make_pair(shown, stored() - before), std::make_pair(shown, more));
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(submit_tests, fixture)

CAF_TEST(every kind of input is read once and to its end) {
  check("ledgerd submit --file <(requests 1 500)", 500);
  check("requests 501 900 | ledgerd submit --file -", 400);
  check("requests 501 510 | ledgerd submit --raw --file /dev/stdin", 10);
  check("d=$(mktemp -d); mkfifo $d/fifo; (sleep 0.3; requests 901 1200 >$d/fifo) & "
        "ledgerd submit --file $d/fifo; code=$?; rm -r $d; exit $code",
        300);
  check("f=$(mktemp); requests 1 40 >$f; ledgerd submit --file $f; code=$?; rm $f; exit $code", 40);
  check("f=$(mktemp); requests 1 40 >$f; ledgerd submit --file - <$f; code=$?; rm $f; exit $code",
        40);
  check("ledgerd submit --file - </dev/null", 0);
  check("(requests 1 3; sleep 0.4; requests 4 5) | ledgerd submit --file -", 5);
}

CAF_TEST(what an editor of another system leaves is taken) {
  check("(printf '\\xef\\xbb\\xbf'; requests 1 2 | sed 's/$/\\r/'; printf '  \\t\\n\\n'; requests "
        "3 3 | tr -d '\\n') "
        "| ledgerd submit --file -",
        3);
}

CAF_TEST(what cannot be read is an error and nothing is sent) {
  const auto directory = shell("ledgerd submit --file /tmp");
  CAF_CHECK_EQUAL(directory.code, 2);
  CAF_CHECK(contains(directory.err, "a directory"));
  CAF_CHECK_EQUAL(directory.out, "");
  CAF_CHECK_EQUAL(shell("ledgerd submit --file - <&-").code, 2);
  const auto unreadable = shell("ledgerd submit --raw --file /proc/self/mem");
  CAF_CHECK_EQUAL(unreadable.code, 3);
  CAF_CHECK(contains(unreadable.err, "cannot read /proc/self/mem: "));
  const auto open_ended = shell("ledgerd submit --raw --file /dev/zero");
  CAF_CHECK_EQUAL(open_ended.code, 2);
  CAF_CHECK(contains(open_ended.err, "longer than 64 MiB"));
  CAF_CHECK_EQUAL(stored(), 0u);
}

CAF_TEST(a bad line of a pipe ends the run and the count is that of the stream) {
  const auto result =
      shell("(requests 1 7; echo nonsense; requests 8 9) | ledgerd submit --file -");
  CAF_CHECK_EQUAL(result.code, 2);
  CAF_CHECK(contains(result.out, "sent 7 in "));
  CAF_CHECK(contains(result.err, "standard input:8: MALFORMED_JSON"));
  CAF_CHECK_EQUAL(stored(), 7u);
}

CAF_TEST(a request that is not sent is a problem with its reason) {
  const auto refused = shell("ledgerd submit --user bob --type DEPOSIT --amount 1.001 --currency "
                             "KRW --record-id 5 --json");
  CAF_CHECK_EQUAL(refused.code, 2);
  const auto problem = nlohmann::json::parse(refused.out);
  CAF_CHECK_EQUAL(problem.at("code").get<std::string>(), "INVALID_FIELD");
  CAF_CHECK(contains(problem.at("detail").get<std::string>(), "amount"));
  CAF_CHECK_EQUAL(stored(), 0u);
  // Of a half that was sent its number is the answer.
  const auto half = shell("(requests 1 2; echo nonsense) | ledgerd submit --file - --json");
  CAF_CHECK_EQUAL(half.code, 2);
  CAF_CHECK_EQUAL(nlohmann::json::parse(half.out).at("sent").get<int>(), 2);
}

CAF_TEST(what is larger than the broker takes is refused with its line) {
  const auto result = shell("(requests 1 1; head -c $((9 << 20)) /dev/zero | tr '\\0' x; echo) | "
                            "ledgerd submit --raw --file -");
  CAF_CHECK_EQUAL(result.code, 2);
  CAF_CHECK(contains(result.err, "standard input:2: TOO_LARGE: the payload has 9437184 bytes"));
  CAF_CHECK_EQUAL(stored(), 1u);
}

CAF_TEST(an interrupted run says how many were confirmed) {
  // In the background bash lets a program ignore SIGINT.
  const auto result = shell_with_signal_at(
      5,
      "(requests 1 5; until [ -e $over ]; do sleep 0.1; done) | { env "
      "--default-signal=INT " LEDGERD_PROGRAM
      " submit --file - & pid=$!; await; kill -INT $pid; wait $pid; echo code $?; touch $over; }");
  CAF_CHECK(contains(result.out, "sent 5 in "));
  CAF_CHECK(contains(result.out, "code 130"));
  CAF_CHECK_EQUAL(stored(), 5u);
  const auto waiting = shell_with_signal_at(
      6, LEDGERD_PROGRAM
      " submit --user bob --type DEPOSIT --amount 1 --currency KRW --record-id 77 --wait & "
      "await; kill -TERM $!; wait $!");
  CAF_CHECK_EQUAL(waiting.code, 128 + 15);
  CAF_CHECK(contains(waiting.out, "sent 1 in "));
}

CAF_TEST(a run without a broker says what is in the stream) {
  // The broker goes while the requests come.
  const auto pid = shell("cat " + servers.directory() + "/nats.pid").out;
  const auto result = shell("(requests 1 20; sleep 3; freeze " + pid
                            + "; requests 21 30) | ledgerd submit --file -");
  shell("kill -CONT " + pid);
  CAF_CHECK_EQUAL(result.code, 3);
  CAF_CHECK(contains(result.out, "sent 20 in ") && contains(result.out, "not confirmed: 10"));
  CAF_CHECK(contains(result.err, "no progress"));
}

CAF_TEST(numbers are decimal and errors are short) {
  const auto eight =
      shell("ledgerd submit --user bob --type DEPOSIT --amount 1 --currency KRW --record-id 010");
  CAF_CHECK_EQUAL(eight.code, 0);
  const auto message = nats->message(names::request_stream, 1);
  CAF_REQUIRE(message.has_value());
  CAF_CHECK_EQUAL(nlohmann::json::parse(message->payload).at("recordId").get<int>(), 10);
  for (const auto* wrong :
       {"submit --user bob --type DEPOSIT --amount 1 --record-id 0x10", "trace 0x10", "trace 0",
        "trace -1", "trace ''", "dead show 1e3", "dead list --limit +5", "bench --rounds 0x5",
        "submit --file - --rate inf", "submit --file - --rate 0x10",
        "account bob --limit 99999999999999999999", "trace 9223372036854775808"}) {
    const auto result = shell(std::string{"ledgerd "} + wrong);
    CAF_CHECK_EQUAL(std::make_pair(std::string{wrong}, result.code),
                    std::make_pair(std::string{wrong}, 2));
  }
  const auto endless = shell(
      "ledgerd trace $(printf '9%.0s' {1..309}); ledgerd trace $(printf '9%.0s' {1..309}) --limit"
      " 2>/dev/null; ledgerd submit --type $'\\e[2J'");
  CAF_CHECK(contains(endless.err,
                     "to 9223372036854775807, not `9999999999999999999999999999999999999999...`"));
  CAF_CHECK(endless.err.size() < 600);
  CAF_CHECK(!contains(endless.err, "\x1b"));
}

CAF_TEST_FIXTURE_SCOPE_END()
