// Every verb ends with the codes of docs/operating.md: each is walked through wrong usage and
// servers that are away, so that a new one cannot have codes of its own. 0, 1 and 70 stand in the
// tests of the verbs and, for the daemon, in tests/e2e/.

#include <algorithm>
#include <arpa/inet.h>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "domain/exit_code.hpp"
#include "tests/app/verbs/program.hpp"

#define CAF_SUITE exit_codes
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using nlohmann::json;

namespace {

using words = std::vector<std::string>;

const words nowhere{"LEDGERD_NATS_URL=nats://127.0.0.1:9",
                    "LEDGERD_DATABASE_URL=postgresql://ledgerd:s3cr3t@127.0.0.1:9/ledgerd",
                    "LEDGERD_HTTP_LISTEN=127.0.0.1:9"};

struct leaf {
  words typed; // dead list
  json entry;
};

void collect(const json& verb, const words& typed, std::vector<leaf>& leaves) {
  if (verb.at("verbs").empty())
    leaves.push_back({typed, verb});
  for (const auto& below : verb.at("verbs")) {
    auto longer = typed;
    longer.push_back(below.at("name"));
    collect(below, longer, leaves);
  }
}

std::vector<leaf> all_verbs() {
  std::vector<leaf> leaves;
  collect(json::parse(run_program({"help", "--json"}).out), {}, leaves);
  return leaves;
}

std::string joined(const words& typed) {
  std::string text;
  for (const auto& word : typed)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

// What a required word is tried with.
std::string sample(const json& word) {
  static const std::map<std::string, std::string> samples{
      {"USER", "alice"}, {"CODE", "XAU"}, {"RECORD_ID", "1"}, {"SEQ", "1"}, {"EXPONENT", "6"}};
  if (word.contains("choices"))
    return word.at("choices").at(0);
  const auto found = samples.find(word.at("name").get<std::string>());
  return found == samples.end() ? "1" : found->second;
}

// What a verb needs besides its words, and how it ends while all servers are away: 3 unless a row
// says otherwise.
struct away {
  words flags;
  int code = exit_code::cannot_start;
};

const std::map<std::string, away> rows{
    {"check", {{}, exit_code::answer_is_no}},  // that is what it tells
    {"status", {{}, exit_code::answer_is_no}}, // likewise
    {"help", {{}, exit_code::done}},
    {"completion", {{}, exit_code::done}},
    {"run", {{"--print-config"}, exit_code::done}}, // it waits for its servers: tests/e2e/start.mjs
    {"submit",
     {{"--user", "alice", "--type", "DEPOSIT", "--amount", "1", "--record-id", "1"},
      exit_code::cannot_start}},
    {"dead discard", {{"7", "--yes", "--why", "a test"}, exit_code::cannot_start}},
    {"dead replay", {{"7"}, exit_code::cannot_start}},
    {"locks end", {{"--why", "a test"}, exit_code::cannot_start}},
    {"import", {{}, exit_code::wrong_usage}}, // it says what it needs
};

// What the page says of a code, or an empty text.
std::string documented(int code) {
  std::ifstream page{LEDGERD_SOURCE_DIR "/docs/operating.md"};
  const std::string text{std::istreambuf_iterator<char>{page}, {}};
  const auto row = text.find("\n| " + std::to_string(code) + " | ");
  return row == std::string::npos ? "" : text.substr(row + 1, text.find('\n', row + 1) - row - 1);
}

} // namespace

CAF_TEST(every code is documented) {
  for (const int code : {exit_code::done, exit_code::answer_is_no, exit_code::wrong_usage,
                         exit_code::cannot_start, exit_code::bug}) {
    CAF_CHECK(!documented(code).empty());
    CAF_CHECK(run_program({"--help"}).out.find(std::to_string(code) + " ") != std::string::npos);
  }
}

CAF_TEST(a flag that no verb knows is wrong usage of every verb) {
  for (const auto& verb : all_verbs()) {
    auto typed = verb.typed;
    typed.emplace_back("--no-such-flag");
    const auto run = run_program(typed, nowhere);
    CAF_CHECK_EQUAL(std::make_pair(joined(verb.typed), run.code),
                    std::make_pair(joined(verb.typed), exit_code::wrong_usage));
    CAF_CHECK_EQUAL(run.out, "");
  }
}

CAF_TEST(servers that are away are no wrong usage and no bug of any verb) {
  for (const auto& verb : all_verbs()) {
    const auto name = joined(verb.typed);
    const auto found = rows.find(name);
    const auto row = found == rows.end() ? away{} : found->second;
    auto typed = verb.typed;
    for (const auto& word : verb.entry.at("words"))
      if (word.at("required").get<bool>())
        typed.push_back(sample(word));
    typed.insert(typed.end(), row.flags.begin(), row.flags.end());
    const auto run = run_program(typed, nowhere);
    const auto shown = name + ": " + run.err;
    CAF_CHECK_EQUAL(std::make_pair(shown, run.code), std::make_pair(shown, row.code));
    CAF_CHECK((run.out + run.err).find("s3cr3t") == std::string::npos);
  }
}

CAF_TEST(with json a verb that cannot answer says why in one document) {
  const auto problem_of = [](const words& typed, const words& environment) {
    const auto run = run_program(typed, environment);
    const auto shown = joined(typed) + ": " + run.out;
    const auto document = json::parse(run.out, nullptr, false);
    CAF_REQUIRE_EQUAL(std::make_pair(shown, document.is_object()), std::make_pair(shown, true));
    CAF_CHECK_EQUAL(document.at("type"), "about:blank");
    CAF_CHECK_EQUAL("ledgerd: " + document.at("detail").get<std::string>() + "\n", run.err);
    CAF_CHECK(run.out.find("s3cr3t") == std::string::npos);
    return std::make_pair(run.code, document.at("code").get<std::string>());
  };
  const auto wrong = std::make_pair(exit_code::wrong_usage, std::string{"INVALID_FIELD"});
  const auto unavailable = std::make_pair(exit_code::cannot_start, std::string{"UNAVAILABLE"});
  for (const auto& verb : all_verbs()) {
    const auto name = joined(verb.typed);
    auto typed = verb.typed;
    typed.insert(typed.end(), {"--json", "--no-such-flag"});
    CAF_CHECK(problem_of(typed, nowhere) == wrong);
    const auto found = rows.find(name);
    const auto row = found == rows.end() ? away{} : found->second;
    const auto& flags = verb.entry.at("flags");
    const bool speaks_json = std::any_of(flags.begin(), flags.end(), [](const json& flag) {
      return flag.at("names").back() == "--json";
    });
    if (row.code != exit_code::cannot_start || !speaks_json)
      continue;
    typed = verb.typed;
    for (const auto& word : verb.entry.at("words"))
      if (word.at("required").get<bool>())
        typed.push_back(sample(word));
    typed.insert(typed.end(), row.flags.begin(), row.flags.end());
    typed.emplace_back("--json");
    CAF_CHECK(problem_of(typed, nowhere) == unavailable);
  }
  CAF_CHECK(problem_of({"--json"}, nowhere) == wrong);
  CAF_CHECK(problem_of({"submit", "--json"}, nowhere) == wrong);
  // Several sentences are one detail.
  const auto faults = run_program({"status", "--json", "--http-listen", "x"},
                                  {"LEDGERD_GATES=0", "LEDGERD_NOBODY=1"});
  CAF_CHECK_EQUAL(faults.code, exit_code::wrong_usage);
  const auto detail = json::parse(faults.out).at("detail").get<std::string>();
  CAF_CHECK(contains(detail, "LEDGERD_GATES must be") && contains(detail, "; --http-listen "));
  CAF_CHECK(contains(faults.err, "LEDGERD_NOBODY") && !contains(detail, "LEDGERD_NOBODY"));
}

// As a frozen one does: the kernel takes its connections.
CAF_TEST(a database that says nothing is named) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  CAF_REQUIRE_EQUAL(bind(listener, reinterpret_cast<const sockaddr*>(&address), size), 0);
  CAF_REQUIRE_EQUAL(listen(listener, 5), 0);
  CAF_REQUIRE_EQUAL(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto at = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const auto run = run_program({"account", "alice"}, {"LEDGERD_DATABASE_URL=postgresql://x:s3cr3t@"
                                                      + at + "/x?connect_timeout=1"});
  close(listener);
  CAF_CHECK_EQUAL(run.code, exit_code::cannot_start);
  CAF_CHECK(contains(run.err, "PostgreSQL at " + at + " gave no answer within 1000 ms"));
  CAF_CHECK(!contains(run.out + run.err, "s3cr3t"));
}

CAF_TEST(output that is not written whole is no success) {
  const auto ends = [](const std::string& typed, const std::string& why) {
    const auto run = run_shell("ledgerd " + typed, nowhere);
    const auto sentence = "ledgerd: the output could not be written: " + why + "\n";
    CAF_CHECK_EQUAL(std::make_pair(typed, run.code),
                    std::make_pair(typed, exit_code::cannot_start));
    CAF_CHECK(run.err.size() >= sentence.size()
              && run.err.compare(run.err.size() - sentence.size(), sentence.size(), sentence) == 0);
  };
  for (const auto* typed : {"help --json", "completion bash", "run --print-config", "--help",
                            "--version", "check", "status --json", "account --help"}) {
    ends(std::string{typed} + " >/dev/full", "No space left on device");
    ends(std::string{typed} + " >&-", "Bad file descriptor");
  }
  // A reader that has seen enough is no trouble.
  const auto piped = run_shell("ledgerd help --json | true; echo ${PIPESTATUS[0]}", nowhere);
  CAF_CHECK_EQUAL(std::make_pair(piped.out, piped.err),
                  std::make_pair(std::string{"0\n"}, std::string{}));
  CAF_CHECK_EQUAL(run_shell("ledgerd --no-such-flag >/dev/full").code, exit_code::wrong_usage);
}
