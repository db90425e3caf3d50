// The man pages and completions, from a made-up program and from the real one.

#include "app/verbs/reference.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/app/verbs/program.hpp"

#define CAF_SUITE reference
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using nlohmann::json;

namespace {

// Two verbs and a group, with everything that a shell or roff could take amiss.
verb_entry little_program() {
  const flag_entry help{{"-h", "--help"}, "", "Print this help and exit", {}, false};
  const flag_entry form{{"--form"}, "a|b", "Which: it's [yours]", {"a", "b"}, false};
  const flag_entry file{{"--file"}, "PATH", "A file", {}, true};
  const flag_entry count{{"--count"}, "N", ".how many\\ times", {}, false};
  const verb_entry run{"run", "Run it", "ledgerd run --form a", {help, form, file, count}, {}, {}};
  const verb_entry show{
      "show", "Show one", "ledgerd dead show 1", {help}, {{"SEQ", "Which", {}, true}}, {}};
  const verb_entry speak{"speak", "Say it", "", {help}, {{"LANG", "How", {"en", "de"}, true}}, {}};
  return {"ledgerd", "Does it all.",
          "",        {help},
          {},        {run, {"dead", "Letters", "", {help}, {}, {show}}, speak}};
}

// All verbs that do something, by what is typed for them.
void walk(const json& verb, const std::string& path,
          const std::function<void(const std::string&, const json&)>& visit) {
  if (verb.at("verbs").empty())
    visit(path, verb);
  for (const auto& below : verb.at("verbs"))
    walk(below, path + (path.empty() ? "" : " ") + below.at("name").get<std::string>(), visit);
}

bool has_flag(const json& verb, const std::string& name) {
  const auto& flags = verb.at("flags");
  return std::any_of(flags.begin(), flags.end(), [&](const json& flag) {
    const auto names = flag.at("names").get<std::vector<std::string>>();
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

// What bash offers for the words of a command line, of which the last is being typed.
std::string completed(const std::string& words, const std::string& script) {
  const auto run = run_shell("source " + script + "\nCOMP_WORDS=(" + words
                             + ")\n"
                               "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_ledgerd\n"
                               "printf '%s ' \"${COMPREPLY[@]}\"");
  CAF_CHECK_EQUAL(run.err, "");
  return run.out;
}

struct written_pages {
  std::filesystem::path at = "/tmp/ledgerd-pages-" + std::to_string(getpid());

  written_pages() { CAF_REQUIRE_EQUAL(run_program({"help", "--write", at}).code, 0); }
  ~written_pages() { std::filesystem::remove_all(at); }
};

} // namespace

CAF_TEST(every verb that prints has json) {
  const auto program = json::parse(run_program({"help", "--json"}).out);
  int verbs = 0;
  walk(program, "", [&](const std::string& path, const json& verb) {
    ++verbs;
    // A completion is read by a shell.
    CAF_CHECK_EQUAL(std::make_pair(path, has_flag(verb, "--json")),
                    std::make_pair(path, path != "completion"));
    CAF_CHECK_EQUAL(std::make_pair(path, verb.value("example", "").starts_with("ledgerd " + path)),
                    std::make_pair(path, true));
    CAF_CHECK(!verb.at("summary").get<std::string>().empty());
  });
  CAF_CHECK(verbs >= 17);
}

CAF_TEST(help of a verb is what its flag prints) {
  CAF_CHECK_EQUAL(run_program({"help", "dead", "list"}).out,
                  run_program({"dead", "list", "--help"}).out);
  CAF_CHECK_EQUAL(run_program({"help"}).out, run_program({"--help"}).out);
  CAF_CHECK(run_program({"help", "--man", "dead"}).out.starts_with(".TH LEDGERD-DEAD 1 "));
  CAF_CHECK_EQUAL(run_program({"help", "--man", "lst"}).code, 2);
  CAF_CHECK_EQUAL(run_program({"help", "nosuch", "--json"}).code, 2);
  const auto none = run_program({"help", "dead", "lst"});
  CAF_CHECK_EQUAL(none.code, 2);
  CAF_CHECK(contains(none.err, "`lst` is not a verb of `ledgerd dead`"));
}

CAF_TEST(a page of the manual is roff that says what was meant) {
  const auto pages = man_pages(little_program(), "1.2.3");
  CAF_REQUIRE_EQUAL(pages.size(), 4u);
  CAF_CHECK_EQUAL(pages[0].file + " " + pages[1].file + " " + pages[2].file,
                  "ledgerd.1 ledgerd-run.1 ledgerd-dead.1");
  const auto& run = pages[1].text;
  CAF_CHECK(run.starts_with(".TH LEDGERD-RUN 1 \"\" \"ledgerd 1.2.3\""));
  CAF_CHECK(contains(run, ".TP\n\\fB\\-\\-count\\fR \\fIN\\fR\n\\&.how many\\e times\n"));
  CAF_CHECK(contains(run, ".SH CONFIGURATION\n"));
  CAF_CHECK(contains(pages[2].text, ".SH LEDGERD DEAD SHOW\n"));
  CAF_CHECK(contains(pages[0].text, ".SH EXIT STATUS\n"));
}

CAF_TEST_FIXTURE_SCOPE(reference_tests, written_pages)

CAF_TEST(there is a page for each verb and man has nothing to say about it) {
  CAF_CHECK(std::filesystem::exists(at / "man" / "ledgerd.1"));
  CAF_CHECK(std::filesystem::exists(at / "man" / "ledgerd-dead.1"));
  CAF_CHECK(std::filesystem::exists(at / "man" / "ledgerd-currency.1"));
  const auto warned = run_shell("for page in " + at.string()
                                + "/man/*.1; do groff -man -Tutf8 -ww -z \"$page\"; done");
  CAF_CHECK_EQUAL(warned.err, "");
}

CAF_TEST(bash completes verbs and flags and values) {
  const auto script = (at / "bash" / "ledgerd").string();
  CAF_CHECK_EQUAL(completed("ledgerd ru", script), "run ");
  CAF_CHECK_EQUAL(completed("ledgerd dead sh", script), "show ");
  CAF_CHECK_EQUAL(completed("ledgerd currency ''", script), "list add ");
  CAF_CHECK_EQUAL(completed("ledgerd run --log-fo", script), "--log-format ");
  CAF_CHECK_EQUAL(completed("ledgerd run --log-format ''", script), "text json ");
  CAF_CHECK_EQUAL(completed("ledgerd run --log-format = j", script), "json ");
  CAF_CHECK_EQUAL(completed("ledgerd run --log-format =", script), "text json ");
  CAF_CHECK_EQUAL(completed("ledgerd submit --type W", script), "WITHDRAWAL ");
  CAF_CHECK_EQUAL(completed("ledgerd status --gates", script), " ");
  CAF_CHECK_EQUAL(completed("ledgerd completion f", script), "fish ");
  CAF_CHECK_EQUAL(completed("ledgerd run --roles ''", script), "ledger account ledger,account ");
  CAF_CHECK_EQUAL(completed("ledgerd dead list --reason UN", script), "UNKNOWN_RECORD ");
  CAF_CHECK_EQUAL(completed("ledgerd help che", script), "check ");
  CAF_CHECK_EQUAL(completed("ledgerd help --man de", script), "dead ");
  CAF_CHECK_EQUAL(completed("ledgerd help currency ''", script), "list add ");
  CAF_CHECK_EQUAL(completed("ledgerd help dead --m", script), "--man ");
  CAF_CHECK(contains(completed("ledgerd run --config " + (at / "b").string(), script),
                     (at / "bash").string()));
  CAF_CHECK_EQUAL(run_program({"completion", "bash"}).out, run_shell("cat " + script).out);
}

CAF_TEST(zsh and fish understand theirs) {
  const auto zsh = run_shell("zsh -n " + at.string() + "/zsh/_ledgerd");
  CAF_CHECK_EQUAL(zsh.err, "");
  CAF_CHECK_EQUAL(zsh.code, 0);
  const auto fish = run_shell("fish --no-execute " + at.string()
                              + "/fish/ledgerd.fish\nfish --no-config -c 'source " + at.string()
                              + "/fish/ledgerd.fish; complete -C \"ledgerd dead sh\"'"
                              + " | grep -q ^show || echo none >&2");
  CAF_CHECK_EQUAL(fish.err, "");
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(what a shell would take amiss is quoted) {
  const auto program = little_program();
  CAF_CHECK(contains(zsh_completion(program), "'--form=[Which\\: it'\\''s ]:a|b:(a b)'"));
  CAF_CHECK(contains(zsh_completion(program), "'--file=[A file]:PATH:_files'"));
  CAF_CHECK(contains(fish_completion(program), "-l form -x -a 'a b' -d 'Which: it\\'s '"));
  CAF_CHECK(contains(fish_completion(program),
                     "-n '__fish_seen_subcommand_from dead; and not __fish_seen_subcommand_from "
                     "show' -a show"));
  CAF_CHECK(contains(bash_completion(program), "'/speak')\n      words='en de'"));
}
