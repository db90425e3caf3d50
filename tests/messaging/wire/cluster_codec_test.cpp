// What nodes say of themselves and of each other, and what that says together.

#include <algorithm>
#include <string>

#include "messaging/cluster_answer.hpp"
#include "messaging/numbers_question.hpp"

#define CAF_SUITE cluster_codec
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

node_word word(std::uint64_t boot, std::string name) {
  node_word result;
  result.boot = boot_id{boot};
  result.name = std::move(name);
  result.version = "1.0.0";
  result.link_least = 1;
  result.link_most = 2;
  result.ledger = true;
  result.doing = node_doing::serving;
  result.released = 0xfedcba9876543210;
  result.uptime_ms = 0xffffffffffffffff;
  return result;
}

known_node known(std::uint64_t boot, std::string name, std::uint64_t age_ms, bool link_up) {
  return {boot_id{boot}, std::move(name),     "1.0.0", true,
          false,         node_doing::serving, age_ms,  link_up};
}

cluster_answer answer(node_word said, std::vector<known_node> knows,
                      std::vector<node_exchange> forwarded = {}) {
  return {std::move(said), std::move(knows), {1, 2, 3, 4, 5, 6, std::move(forwarded)}};
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  CAF_REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// name, silence, age, link and what was received of each node.
std::string shown(const std::vector<node_view>& views) {
  std::string result;
  for (const auto& each : views) {
    result += each.word.name + (each.silent ? " silent" : "");
    result += " " + (each.age_ms ? std::to_string(*each.age_ms) : "-");
    result += !each.link_up ? " -" : *each.link_up ? " up" : " down";
    for (const auto& one : each.received)
      result += " " + one.node + "=" + std::to_string(one.entries);
    result += "\n";
  }
  return result;
}

} // namespace

CAF_TEST(a word is what it was) {
  auto said = word(0xabc, "node-1");
  said.asks = true;
  CAF_CHECK_EQUAL(encode_word(said),
                  R"({"boot":"0000000000000abc","name":"node-1","version":"1.0.0","linkLeast":1,)"
                  R"("linkMost":2,"ledger":true,"account":false,"doing":"serving",)"
                  R"("released":"fedcba9876543210","uptimeMs":18446744073709551615,"asks":true})");
  for (const auto doing : {node_doing::starting, node_doing::serving, node_doing::paused,
                           node_doing::stalled, node_doing::leaving, node_doing::gone}) {
    said.doing = doing;
    CAF_CHECK(decode_word(encode_word(said)) == said);
  }
}

CAF_TEST(a later version may say and do more) {
  const auto text = encode_word(word(1, "a"));
  CAF_CHECK(decode_word(with(text, "{", R"({"lanes":[{"x":1}],)")) == word(1, "a"));
  const auto later = decode_word(with(text, "serving", "merging"));
  CAF_REQUIRE(later);
  CAF_CHECK(later->doing == node_doing::starting); // owns nothing
  const auto early = decode_word(R"({"boot":"0000000000000001","name":"a","doing":"serving"})");
  CAF_REQUIRE(early);
  CAF_CHECK_EQUAL(early->link_most, 0u); // reads no frames
}

CAF_TEST(a word says which ledger the node serves unless that is not known) {
  auto said = word(1, "a");
  const auto before = encode_word(said);
  said.database = 0x1f;
  const auto text = encode_word(said);
  CAF_CHECK(text.ends_with(R"(,"asks":false,"database":"000000000000001f"})"));
  CAF_CHECK(decode_word(text) == said);
  CAF_CHECK(!decode_word(with(text, "1f\"", "1g\"")));
  const auto old = decode_word(before);
  CAF_REQUIRE(old.has_value());
  CAF_CHECK_EQUAL(old->database, 0u);
  // A program that does not know the field reads the rest as before.
  const auto unknown = decode_word(with(text, "\"database\"", "\"strange\""));
  CAF_CHECK(unknown == word(1, "a"));
  CAF_CHECK(serve_different_ledgers(1, 2));
  CAF_CHECK(!serve_different_ledgers(1, 1));
  CAF_CHECK(!serve_different_ledgers(0, 2));
  CAF_CHECK(!serve_different_ledgers(1, 0));
}

CAF_TEST(what is no word is none) {
  const auto good = encode_word(word(1, "a"));
  const std::pair<const char*, const char*> table[] = {
      {"0000000000000001", "0000000000000000"},
      {"0000000000000001", "1"},
      {"\"0000000000000001\"", "1"},
      {"\"name\":\"a\"", "\"name\":\"\""},
      {"\"name\":\"a\"", "\"name\":\"a b\""},
      {"\"name\":\"a\"", "\"name\":\"a\\u0007\""},
      {"\"name\":\"a\"", "\"name\":7"},
      {"\"name\":\"a\",", ""},
      {"\"1.0.0\"", "\"\\u001b[2J\""},
      {"\"linkLeast\":1", "\"linkLeast\":-1"},
      {"\"linkLeast\":1", "\"linkLeast\":4294967296"},
      {"\"linkLeast\":1", "\"linkLeast\":1.5"},
      {"\"ledger\":true", "\"ledger\":1"},
      {"\"serving\"", "7"},
      {"\"doing\":\"serving\",", ""},
      {"fedcba9876543210", "fedcba987654321"},
      {"fedcba9876543210", "fedcba987654321g"},
      {"18446744073709551615", "18446744073709551616"},
      {"}", ""},
  };
  CAF_REQUIRE(decode_word(good));
  for (const auto& [from, to] : table) {
    const auto text = with(good, from, to);
    CAF_CHECK_EQUAL(std::make_pair(text, decode_word(text).has_value()),
                    std::make_pair(text, false));
  }
  for (const auto& text :
       {std::string{}, std::string{"[]"}, std::string{"null"}, good + good,
        std::string(5000, ' ') + good, with(good, "\"a\"", std::string(5000, 'a'))})
    CAF_CHECK(!decode_word(text));
  // Every beginning of a word.
  for (std::size_t size = 0; size < good.size(); ++size)
    CAF_CHECK(!decode_word(good.substr(0, size)));
}

CAF_TEST(an answer is what it was) {
  const auto said = answer(word(1, "a"), {known(2, "b", 10, true), known(3, "c", 70000, false)},
                           {{"b", 7}, {"c", 0}});
  CAF_CHECK(decode_answer(encode_answer(said)) == said);
  CAF_CHECK(decode_answer(encode_answer(answer(word(1, "a"), {}))) == answer(word(1, "a"), {}));
  const auto text = encode_answer(said);
  CAF_CHECK(decode_answer(with(text, "\"ageMs\"", R"("mood":[],"ageMs")")) == said);
  CAF_CHECK(decode_answer(with(text, "\"shards\"", R"("lanes":{},"shards")")) == said);
  for (std::size_t size = 0; size < text.size(); ++size)
    CAF_CHECK(!decode_answer(text.substr(0, size)));
  const std::pair<const char*, const char*> table[] = {
      {"\"word\":{", "\"words\":{"},        {"0000000000000001", "0000000000000000"},
      {"0000000000000002", "two"},          {"\"b\"", "\"b b\""},
      {"\"ageMs\":10", "\"ageMs\":\"10\""}, {"\"linkUp\":true", "\"linkUp\":\"true\""},
      {"\"knows\":[", "\"knows\":[1,"},     {"\"decided\":2", "\"decided\":-2"},
      {"\"entries\":7", "\"entries\":[]"},  {"\"forwarded\":[", "\"forwarded\":[[],"}};
  for (const auto& [from, to] : table) {
    const auto bad = with(text, from, to);
    CAF_CHECK_EQUAL(std::make_pair(bad, decode_answer(bad).has_value()),
                    std::make_pair(bad, false));
  }
}

CAF_TEST(an answer says what became of entries unless that is not known) {
  auto said = answer(word(1, "a"), {});
  said.tally.entries = {11, 12, 13, 14};
  said.tally.undecided = {{"deposit-consumer", 22}, {"w", std::nullopt}};
  said.tally.counted_ms = 900;
  const auto text = encode_answer(said);
  CAF_CHECK(text.ends_with(
      R"(,"forwarded":[],"entries":{"applied":11,"refused":12,"duplicate":13,"parked":14},)"
      R"("undecided":[{"consumer":"deposit-consumer","oldestMs":22},{"consumer":"w"}],)"
      R"("countedMs":900}})"));
  CAF_CHECK(decode_answer(text) == said);
  CAF_CHECK(decode_answer(with(text, "\"refused\"", R"("held":[],"refused")")) == said);
  // A count that is missing is no 0, and an earlier version says none of this.
  const auto partly = decode_answer(with(text, "\"refused\"", "\"turned\""));
  CAF_REQUIRE(partly);
  CAF_CHECK(!partly->tally.entries);
  const auto earlier = decode_answer(text.substr(0, text.find(",\"entries\"")) + "}}");
  CAF_CHECK(earlier == answer(word(1, "a"), {}));
  CAF_CHECK(!earlier->tally.entries && earlier->tally.undecided.empty());
  const std::pair<const char*, const char*> table[] = {
      {"\"applied\":11", "\"applied\":-1"},
      {"\"applied\":11", "\"applied\":null"},
      {"\"entries\":{", "\"entries\":[],\"e\":{"},
      {"\"w\"", "\"\""},
      {"\"w\"", "\"w w\""},
      {"\"oldestMs\":22", "\"oldestMs\":\"22\""},
      {"{\"consumer\":\"w\"}", "{}"},
      {"\"countedMs\":900", "\"countedMs\":0.5"},
  };
  for (const auto& [from, to] : table)
    CAF_CHECK(!decode_answer(with(text, from, to)));
}

CAF_TEST(a node that others know and that does not answer is silent and not missing) {
  const std::vector<cluster_answer> answers{
      answer(word(2, "b"), {known(1, "a", 30, true), known(3, "c", 5000, false)}, {{"a", 4}}),
      answer(word(1, "a"), {known(2, "b", 20, true), known(3, "c", 4000, false)},
             {{"b", 7}, {"c", 9}})};
  CAF_CHECK(!is_complete(answers));
  CAF_CHECK_EQUAL(shown(view_of(answers)), "a 30 up b=4\nb 20 up a=7\nc silent 4000 down a=9\n");
  CAF_CHECK(is_complete(std::vector{answer(word(1, "a"), {known(2, "b", 0, true)}),
                                    answer(word(2, "b"), {known(1, "a", 0, true)})}));
  CAF_CHECK(is_complete({}));
}

CAF_TEST(the worst of what others know of a node that answers is shown) {
  const std::vector<cluster_answer> answers{
      answer(word(1, "a"), {known(2, "b", 900, true), known(3, "c", 1, true)}),
      answer(word(2, "b"), {known(1, "a", 2500, false), known(3, "c", 2, true)}),
      answer(word(3, "c"), {known(1, "a", 10, true), known(2, "b", 20, false)})};
  CAF_CHECK_EQUAL(shown(view_of(answers)), "a 2500 down\nb 900 down\nc 2 up\n");
  // A node alone, and one with the account role alone, to which nobody forwards.
  auto account = word(2, "b");
  account.ledger = false;
  auto heard = known(2, "b", 5, false);
  heard.ledger = false;
  CAF_CHECK_EQUAL(shown(view_of({answer(word(1, "a"), {})})), "a - -\n");
  CAF_CHECK_EQUAL(
      shown(view_of({answer(word(1, "a"), {heard}), answer(account, {known(1, "a", 6, false)})})),
      "a 6 -\nb 5 -\n");
}

CAF_TEST(a life that is over is not silent once the next one answers) {
  const auto observer = answer(word(1, "a"), {known(2, "b", 9000, false)});
  auto other = answer(word(3, "b"), {known(1, "a", 5, true)});
  other.word.uptime_ms = 10000; // a word is on its way for a second at most
  CAF_CHECK_EQUAL(shown(view_of({observer, other})), "a 5 up\nb - -\n");
  // One that was up before that word is another node, which had the same name.
  other.word.uptime_ms = 10001;
  CAF_CHECK_EQUAL(shown(view_of({observer, other})), "a 5 up\nb silent 9000 down\nb - -\n");
  // Two that answer with one name are both there.
  CAF_CHECK_EQUAL(view_of({answer(word(1, "a"), {}), answer(word(2, "a"), {})}).size(), 2u);
}

CAF_TEST(a question for numbers is told from all others) {
  for (const auto* node : {"", "a", "a \"b\" \xc3\xa4"})
    CAF_CHECK(decode_numbers_question(encode_numbers_question({node})) == numbers_question{node});
  CAF_CHECK(decode_numbers_question(R"({"question":"metrics","later":1})") == numbers_question{});
  for (const auto* other :
       {"", "x", "[]", "{}", "\"metrics\"", R"({"question":"record"})", R"({"question":5})",
        R"({"question":"metrics","node":5})", R"({"node":"a","question":"metrics","node":"b"})"})
    CAF_CHECK(!decode_numbers_question(other).has_value());
  CAF_CHECK(!decode_numbers_question(encode_numbers_question({std::string(2000, 'x')})));
}

CAF_TEST(a namesake has our name and is another process) {
  const std::vector<cluster_answer> answers{answer(word(1, "a"), {}), answer(word(2, "b"), {})};
  CAF_CHECK(find_namesake(answers, "a", boot_id{1}) == nullptr);
  CAF_CHECK(find_namesake(answers, "c", boot_id{9}) == nullptr);
  CAF_CHECK(find_namesake(answers, "b", boot_id{9}) == &answers[1]);
}
