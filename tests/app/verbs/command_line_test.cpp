// The program from outside, without any server.

#include <algorithm>
#include <string>

#include "app/repair/letter_filter.hpp"
#include "tests/app/verbs/program.hpp"

#define CAF_SUITE command_line
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr auto no_broker = "LEDGERD_NATS_URL=nats://127.0.0.1:9";
constexpr auto no_database = "LEDGERD_DATABASE_URL=postgresql://ledgerd:s3cr3t@127.0.0.1:9/ledgerd";

} // namespace

CAF_TEST(every verb has help with an example) {
  for (const char* verb : {"run", "check", "migrate", "submit", "status", "metrics", "trace",
                           "account", "audit", "bench", "help", "completion"}) {
    const auto result = run_program({verb, "--help"});
    CAF_CHECK_EQUAL(std::make_pair(std::string{verb}, result.code),
                    std::make_pair(std::string{verb}, 0));
    CAF_CHECK(contains(result.out, std::string{"Example: ledgerd "} + verb));
    CAF_CHECK_EQUAL(result.err, "");
  }
  for (const char* verb : {"list", "groups", "show", "replay", "discard", "actions"})
    CAF_CHECK(contains(run_program({"dead", verb, "--help"}).out,
                       std::string{"Example: ledgerd dead "} + verb));
  const auto dead = run_program({"dead", "--help"}).out;
  for (const auto& each : filter_names())
    for (const auto& help : {dead, run_program({"dead", "list", "--help"}).out})
      CAF_CHECK_EQUAL(contains(help, "--" + std::string{each.name}) ? "" : help, "");
  CAF_CHECK(contains(run_program({"--help"}).out, "Exit codes:"));
  CAF_CHECK(contains(run_program({"--version"}).out, "ledgerd "));
}

CAF_TEST(wrong usage is code 2 and one sentence that helps) {
  struct row {
    std::vector<std::string> arguments;
    const char* sentence;
  };
  const row table[] = {
      {{}, "subcommand is required"},
      {{"runn"}, "`runn` is not a verb; did you mean `run`?"},
      {{"run", "--gate", "3"}, "`--gate` is not a flag of `run`; did you mean `--gates`?"},
      {{"run", "--max-inflight=3"},
       "`--max-inflight` is not a flag of `run`; did you mean `--max-in-flight`?"},
      {{"status", "--gates", "3"}, "`--gates` is not a flag of `status`"},
      {{"dead", "lst"}, "`lst` is not a verb of `dead`; did you mean `list`?"},
      {{"dead", "replay", "1", "--set", "amount=1", "--set", "amount=2"},
       "--set: names `amount` twice"},
      {{"dead", "replay", "1", "--payload", "/dev/zero"}, "`/dev/zero` is longer than 64 MiB"},
      {{"dead", "replay", "1", "--payload", "/no/such/file"}, "cannot read `/no/such/file`"},
      {{"dead", "replay", "1", "--payload", "/tmp"}, "cannot read `/tmp`"},
      {{"submit", "--file", "/no/such/file"}, "not `/no/such/file`: No such file or directory"},
      {{"submti", "--user", "alice"}, "`submti` is not a verb; did you mean `submit`?"},
      {{"dead", "lst", "--limit", "3"}, "`lst` is not a verb of `dead`; did you mean `list`?"},
      {{"metrics", "--node", ""}, "--node: must not be empty"},
      {{"audit", "--cursor", ""}, "--cursor: must not be empty"},
      {{"account"}, "USER is required"},
      {{"trace", "x"}, "RECORD_ID"},
      {{"trace", "0"}, "RECORD_ID"},
      {{"run", "--gates", "0"}, "--gates must be an integer from 1 to 64, not `0`"},
      {{"run", "--database-url", "postgresql://u:s3cr3t@h/d"}, "must not carry a password"},
      {{"run", "--http-listen", "0.0.0.0:80", "--database-url", "postgresql://h/d"},
       "bearer tokens"},
      {{"run", "--roles", "cashier"}, "must be `ledger`, `account` or `ledger,account`"},
      {{"run"}, "database-url is required: set LEDGERD_DATABASE_URL"},
      {{"submit"}, "submit needs --user, --type, --amount and --record-id, or --file"},
      {{"submit", "--type", "GIFT"}, "--type"},
      {{"submit", "--file", "/does/not/exist", "--raw"}, "--file must name a readable file"},
  };
  for (const auto& [arguments, sentence] : table) {
    const auto result = run_program(arguments);
    const auto shown = "[" + (arguments.empty() ? "" : arguments.back()) + "] " + result.err;
    CAF_CHECK_EQUAL(std::make_pair(shown, result.code), std::make_pair(shown, 2));
    CAF_CHECK_EQUAL(std::make_pair(shown, contains(result.err, sentence)),
                    std::make_pair(shown, true));
    CAF_CHECK(result.err.starts_with("ledgerd: "));
    CAF_CHECK(!contains(result.err, "s3cr3t"));
    CAF_CHECK_EQUAL(std::count(result.err.begin(), result.err.end(), '\n'), 1);
    CAF_CHECK_EQUAL(result.out, "");
  }
}

CAF_TEST(a renamed option is taken by both names and shown by the new one) {
  for (const char* name : {"--recovery-interval", "--sweep-interval"}) {
    const auto result = run_program({"run", "--print-config", name, "3s"});
    CAF_CHECK_EQUAL(result.code, 0);
    CAF_CHECK(contains(result.out, "recovery-interval = \"3s\"\n"));
  }
  const auto help = run_program({"run", "--help"}).out;
  CAF_CHECK(contains(help, "--recovery-interval DURATION"));
  CAF_CHECK(!contains(help, "--sweep-interval"));
  const auto both = run_program({"run", "--recovery-interval", "3s", "--sweep-interval", "3s"});
  CAF_CHECK_EQUAL(both.code, 2);
  CAF_CHECK(contains(both.err, "--sweep-interval is its former name"));
}

CAF_TEST(all faults of the configuration are told at once) {
  const auto result =
      run_program({"run", "--gates", "0", "--fetchers", "x"}, {"LEDGERD_BATCHMAX=1"});
  CAF_CHECK_EQUAL(result.code, 2);
  CAF_CHECK_EQUAL(std::count(result.err.begin(), result.err.end(), '\n'), 3);
  CAF_CHECK(contains(
      result.err,
      "ledgerd: warning: `LEDGERD_BATCHMAX` is not known; did you mean `LEDGERD_BATCH_MAX`?"));
}

CAF_TEST(a configuration is printed without secrets) {
  const auto result = run_program({"run", "--print-config", "--gates", "3"},
                                  {no_database, "LEDGERD_LOG_LEVEL=debug"});
  CAF_CHECK_EQUAL(result.code, 0);
  CAF_CHECK(contains(result.out, "gates = 3\n"));
  CAF_CHECK(contains(result.out, "log-level = \"debug\"\n"));
  CAF_CHECK(contains(result.out, "<redacted>"));
  CAF_CHECK(!contains(result.out, "s3cr3t"));
  const auto as_json =
      run_program({"run", "--print-config", "--json", "--gates", "3"}, {no_database});
  CAF_CHECK(contains(as_json.out, "\"gates\": \"3\""));
  CAF_CHECK(!contains(as_json.out, "s3cr3t"));
}

CAF_TEST(check reports faults of configuration and broker and database in one go) {
  const auto result = run_program({"check", "--gates", "0"}, {no_broker, no_database});
  CAF_CHECK_EQUAL(result.code, 1);
  CAF_CHECK(contains(result.out, "configuration    FAULT"));
  CAF_CHECK(contains(result.out, "broker           FAULT"));
  CAF_CHECK(contains(result.out, "database         FAULT"));
  CAF_CHECK(!contains(result.out + result.err, "s3cr3t"));
}

CAF_TEST(a database that a role lacks is a fault of the configuration) {
  const auto none = run_program({"check"}, {no_broker});
  CAF_CHECK_EQUAL(none.code, 1);
  CAF_CHECK(contains(none.out, "configuration    FAULT  database-url is required: "));
  CAF_CHECK(contains(none.out, "; the role ledger needs it"));
  CAF_CHECK(!contains(none.out, "database         "));
  const auto account = run_program({"check", "--roles", "account"}, {no_broker});
  CAF_CHECK(contains(account.out, "configuration    FAULT  account-database-url is required: "));
  CAF_CHECK(contains(account.out, "; the role account needs it"));
  CAF_CHECK(!contains(account.out, "account database "));
}

CAF_TEST(submit says what it asks the database for) {
  const std::vector<std::string> request{"submit",   "--user", "ann",         "--type", "DEPOSIT",
                                         "--amount", "1",      "--record-id", "1"};
  const auto with = [&](const std::vector<std::string>& flags) {
    auto words = request;
    words.insert(words.end(), flags.begin(), flags.end());
    return words;
  };
  for (const auto& environment :
       {std::vector<std::string>{no_broker}, std::vector<std::string>{no_broker, no_database}}) {
    const int code = environment.size() == 1 ? 2 : 3;
    const auto checked = run_program(request, environment);
    CAF_CHECK_EQUAL(std::make_pair(checked.err, checked.code), std::make_pair(checked.err, code));
    CAF_CHECK(contains(checked.err, "; requests are checked with its currencies first: --raw "));
    const auto waits = run_program(with({"--raw", "--wait"}), environment);
    CAF_CHECK_EQUAL(std::make_pair(waits.err, waits.code), std::make_pair(waits.err, code));
    CAF_CHECK(contains(waits.err, "; --wait reads the verdicts from it"));
  }
  const auto raw = run_program(with({"--raw"}), {no_broker});
  CAF_CHECK_EQUAL(raw.code, 3);
  CAF_CHECK(contains(raw.err, "cannot reach the broker"));
}

CAF_TEST(a server that is away is code 3 and no stack trace) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"migrate"},
                                                    {"account", "alice"},
                                                    {"trace", "1"},
                                                    {"dead", "list"},
                                                    {"metrics", "--http-listen", "127.0.0.1:9"}}) {
    const auto result = run_program(arguments, {no_broker, no_database});
    CAF_CHECK_EQUAL(std::make_pair(result.err, result.code), std::make_pair(result.err, 3));
    CAF_CHECK(result.err.starts_with("ledgerd: "));
    CAF_CHECK(!contains(result.err, "s3cr3t"));
    CAF_CHECK_EQUAL(std::count(result.err.begin(), result.err.end(), '\n'), 1);
  }
  const auto status = run_program({"status", "--http-listen", "off"}, {no_broker, no_database});
  CAF_CHECK_EQUAL(status.code, 1);
  CAF_CHECK(contains(status.out, "broker: ") && contains(status.out, "ledger: "));
}
