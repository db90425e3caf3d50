// `ledgerd dead` and `ledgerd account` where there is little to show, or much that is no text.

#include <nlohmann/json.hpp>

#include "tests/app/verbs/verb_world.hpp"

#define CAF_SUITE dead_verbs
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using nlohmann::json;

CAF_TEST_FIXTURE_SCOPE(dead_verbs_tests, verb_world)

CAF_TEST(where nothing matches that is said) {
  for (const std::vector<std::string>& verb : {std::vector<std::string>{"dead", "list"},
                                               {"dead", "groups"},
                                               {"dead", "list", "--user", "nobody"}}) {
    const auto none = run(verb);
    CAF_CHECK_EQUAL(none.out, "no letters\n");
    CAF_CHECK_EQUAL(none.code, 0);
  }
  CAF_CHECK_EQUAL(run({"dead", "actions"}).out, "no actions\n");
  CAF_CHECK(json::parse(run({"dead", "list", "--json"}).out).at("items").empty());
}

CAF_TEST(a payload is shown to its last byte) {
  auto letter = dead_letter(21, 5);
  letter.payload = std::string("{\0\"a\x1b\xff\n\xc3\xa9}", 10);
  publish({letter});
  const auto shown = run({"dead", "show", "1"});
  CAF_CHECK_EQUAL(shown.code, 0);
  CAF_CHECK(shown.out.ends_with("\n\n{\\x00\"a\\x1b\\xff\\n\xc3\xa9}\n"));
  const auto document = json::parse(run({"dead", "show", "1", "--json"}).out);
  CAF_CHECK_EQUAL(document.value("payloadBase64", ""), "ewAiYRv/CsOpfQ==");
  letter.payload = "{";
  letter.message_id += "-2";
  publish({letter});
  CAF_CHECK(!json::parse(run({"dead", "show", "2", "--json"}).out).contains("payloadBase64"));
}

CAF_TEST(of a user without an account a problem is printed) {
  const auto nobody = run({"account", "nobody", "--json"});
  CAF_CHECK_EQUAL(nobody.code, 1);
  const auto problem = json::parse(nobody.out);
  CAF_CHECK_EQUAL(problem.value("code", ""), "NOT_FOUND");
  CAF_CHECK_EQUAL(problem.value("detail", ""), "the user `nobody` has no account");
  CAF_CHECK(run({"account", "nobody"}).out.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
