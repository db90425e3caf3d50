#include "app/config/names_section.hpp"

#include <fstream>
#include <unistd.h>

#include "messaging/names.hpp"

#define CAF_SUITE names_section
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

struct some_file {
  std::string path = "/tmp/ledgerd-names.XXXXXX";

  explicit some_file(const std::string& text) {
    close(mkstemp(path.data()));
    std::ofstream{path} << text;
  }
  ~some_file() { unlink(path.c_str()); }
};

loaded_config load(const std::string& text) {
  const some_file file{text};
  auto loaded = load_config({{}, {}, file.path});
  for (auto& fault : loaded.faults)
    if (fault.starts_with(file.path + ":"))
      fault.erase(0, file.path.size());
  return loaded;
}

std::string faults_of(const std::string& text) {
  std::string all;
  for (const auto& fault : load(text).faults)
    all += fault + "\n";
  return all;
}

} // namespace

CAF_TEST(names are read from their section) {
  const auto loaded = load("gates = 3\n[names]\nrequest-stream = \"PAYMENTS\"\n"
                           "result_prefix = \"payments.done\"\nledger-schema = \"books\"\n");
  CAF_REQUIRE(loaded.faults.empty());
  CAF_CHECK_EQUAL(loaded.value.gates, 3);
  CAF_CHECK(changed_names(loaded.value.names)
            == (setting_list{{"request-stream", "PAYMENTS"},
                             {"result-prefix", "payments.done"},
                             {"ledger-schema", "books"}}));
  CAF_CHECK(changed_names(load("gates = 3\n").value.names).empty());
}

CAF_TEST(faults of the section name key and rule) {
  CAF_CHECK_EQUAL(
      faults_of("[names]\nrequest-streams = \"A\"\n"),
      ":2: `request-streams` is not known in [names]; did you mean `request-stream`?\n");
  CAF_CHECK_EQUAL(faults_of("[names]\nrequest-stream = 5\n"),
                  ":2: [names] request-stream must be a string\n");
  CAF_CHECK_EQUAL(faults_of("names = \"A\"\n"), ":1: names must be a section: [names]\n");
  CAF_CHECK_EQUAL(
      faults_of("[names]\nrequest-stream = \"A*\"\n"),
      ":2: [names] request-stream must be printable characters of ASCII without blanks, "
      "quotes, `.`, `*`, `>` and slashes, not `A*`\n");
  CAF_CHECK_EQUAL(
      faults_of("[names]\nledger-schema = \"Books\"\n"),
      ":2: [names] ledger-schema must be a plain identifier: 1 to 63 of a to z, 0 to 9 and "
      "`_`, no digit first, not `Books`\n");
  CAF_CHECK_EQUAL(faults_of("[names]\nledger-schema = \"pg_books\"\n"),
                  ":2: [names] ledger-schema must not be one of PostgreSQL's own schemas, not "
                  "`pg_books`\n");
  CAF_CHECK_EQUAL(
      faults_of("[names]\nledger-schema = \"account\"\n"),
      ": [names] account-schema (`account`) must not be the name of ledger-schema, too\n");
}

CAF_TEST(subjects of other settings must not be ours) {
  CAF_CHECK_EQUAL(
      faults_of("nats-reply-prefix = \"bank.\"\n[names]\nservice-prefix = \"bank.x\"\n"),
      ": nats-reply-prefix (`bank`) must not begin as service-prefix (`bank.x`) of [names] "
      "does\n");
  CAF_CHECK_EQUAL(
      faults_of("nats-js-api-prefix = \"bank.API\"\n[names]\nresult-prefix = \"bank\"\n"),
      ": nats-js-api-prefix (`bank.API`) must not begin as result-prefix (`bank`) of "
      "[names] does\n");
  CAF_CHECK_EQUAL(faults_of("nats-reply-prefix = \"replies.\"\n"), "");
}

CAF_TEST(what is printed can be read again) {
  const auto loaded = load("[names]\naction-stream = \"DEEDS\"\naccount-schema = \"desk\"\n");
  const auto again = load(print_config(loaded.value));
  CAF_CHECK(again.faults.empty());
  CAF_CHECK(shown_names(again.value.names) == shown_names(loaded.value.names));
}

CAF_TEST(names that break a rule are not used) {
  use_names(load("[names]\naction-stream = \"DEEDS\"\n").value.names);
  CAF_CHECK_EQUAL(names::action_stream, "DEEDS");
  use_names(load("[names]\naction-stream = \"D.S\"\n").value.names);
  CAF_CHECK_EQUAL(names::action_stream, "TRANSACTION_ACTIONS");
}
