// The numbers of the actors as they are asked for and shown.

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "actors/common/runtime_counters.hpp"
#include "actors/ledger/fetcher_counters.hpp"
#include "actors/submissions/lookup_counters.hpp"
#include "app/operations/actors_view.hpp"
#include "app/operations/ask_numbers.hpp"
#include "app/operations/numbers_desk.hpp"
#include "app/operations/prometheus.hpp"
#include "app/operations/snapshot.hpp"
#include "messaging/numbers_question.hpp"
#include "tests/support/fake_desk.hpp"

#define CAF_SUITE numbers_asked
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

std::vector<actor_report> reports() {
  runtime_counters counted{.messages = 3, .processing_time = {}, .mailbox_time = {}};
  counted.processing_time.record(40, 3);
  return {make_report("gate", "0",
                      runtime_numbers{counted, {.actors = 1, .mailbox = 2, .busy_ms = not_known}})};
}

api_question question(const std::string& payload, const std::string& reply) {
  return {.subject = "s", .payload = payload, .headers = {}, .reply = reply, .arrived = {}};
}

node_view node(const std::string& name, std::uint64_t boot, bool silent = false) {
  node_view result;
  result.word.name = name;
  result.word.boot = boot_id{boot};
  result.word.version = "1.2.3";
  result.silent = silent;
  return result;
}

line_reply reply(std::uint64_t number, const std::string& name, std::uint64_t boot) {
  return {number, false,
          actors_text(actors_document({name, to_text(boot_id{boot}), "1.2.3", {}}, reports(), 0),
                      1 << 20)};
}

bool contains(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

struct asked_node {
  std::vector<std::function<void(numbers_desk::reports)>> waiting;
  std::shared_ptr<fake_desk> desk = std::make_shared<fake_desk>();
  std::shared_ptr<numbers_desk> numbers =
      std::make_shared<numbers_desk>(node_identity{"a", "1f", "1.2.3", {}}, 1 << 20);

  asked_node() {
    numbers->open([this](auto callback) { waiting.push_back(std::move(callback)); });
  }

  bool ask(const numbers_question& what, const std::string& to) {
    return numbers->take(question(encode_numbers_question(what), to), desk);
  }
};

} // namespace

CAF_TEST(the document has the node and each number and null for what nobody knows) {
  const auto shown =
      actors_document({"a", "1f", "1.2.3", std::chrono::steady_clock::now()}, reports(), 1'000'000);
  CAF_CHECK(shown.at("node") == "a" && shown.at("boot") == "1f" && shown.at("version") == "1.2.3");
  CAF_CHECK_EQUAL(shown.at("at").get<std::string>(), "1970-01-01T00:00:01.000000Z");
  const auto& gate = shown.at("actors").at(0);
  CAF_CHECK(gate.at("values").at("busy_ms").is_null());
  CAF_CHECK(gate.at("values").at("mailbox") == 2);
  CAF_CHECK(gate.at("histograms").at("processing_time").at("count") == 3);
  CAF_CHECK(gate.at("histograms").at("processing_time").at("sum_us") == 120);
  CAF_CHECK(gate.at("histograms").at("processing_time").at("buckets").at(2)
            == nlohmann::ordered_json::parse("[50, 3]"));
}

CAF_TEST(accounts are shown with what they are noted for) {
  auto all = reports();
  const account_key ann{"ann", *currency_code::parse("KRW")};
  all[0].accounts = {
      {noted_account::why::hot, ann, 50, std::chrono::milliseconds{10500}, {}},
      {noted_account::why::waiting, ann, 3, std::chrono::milliseconds{700}, "locked"}};
  const auto shown = accounts_json(all);
  CAF_CHECK(shown.at("hotAccounts")
            == nlohmann::ordered_json::parse(
                R"([{"userId":"ann","currency":"KRW","entries":50,"seconds":10.5}])"));
  CAF_CHECK(
      shown.at("waitingAccounts")
      == nlohmann::ordered_json::parse(
          R"([{"userId":"ann","currency":"KRW","entries":3,"oldestMs":700,"why":"locked"}])"));
}

CAF_TEST(an answer that is too large loses its buckets and then its actors and says so) {
  const auto document = actors_document({"a", "1f", "1.2.3", {}}, reports(), 0);
  const auto whole = actors_text(document, 1 << 20);
  CAF_CHECK(!nlohmann::json::parse(whole).contains("shortened"));
  const auto less = nlohmann::json::parse(actors_text(document, whole.size() - 1));
  CAF_CHECK(less.at("shortened") == true);
  const auto& times = less.at("actors").at(0).at("histograms").at("processing_time");
  CAF_CHECK(times.at("count") == 3 && !times.contains("buckets"));
  CAF_CHECK(nlohmann::json::parse(actors_text(document, 10)).at("actors").empty());
}

CAF_TEST(many who ask at once cost one gathering and each gets the answer) {
  asked_node a;
  CAF_CHECK(a.ask({}, "_INBOX.1") && a.ask({"a"}, "_INBOX.2"));
  CAF_REQUIRE_EQUAL(a.waiting.size(), 1u);
  a.waiting[0](reports());
  CAF_REQUIRE_EQUAL(a.desk->answers().size(), 2u);
  CAF_CHECK(a.desk->answers()[1].reply == "_INBOX.2");
  CAF_CHECK(nlohmann::json::parse(a.desk->answers()[0].payload).at("node") == "a");
  // So soon again the answer is the same.
  CAF_CHECK(a.ask({}, "_INBOX.3"));
  CAF_CHECK_EQUAL(a.waiting.size(), 1u);
  CAF_CHECK_EQUAL(a.desk->answers().size(), 3u);
}

CAF_TEST(a question for another node and one for something else are not answered here) {
  asked_node a;
  CAF_CHECK(a.ask({"b"}, "_INBOX.1")); // taken, and left to b
  CAF_CHECK(!a.numbers->take(question("", "_INBOX.2"), a.desk));
  CAF_CHECK(!a.numbers->take(question(R"({"question":"record"})", "_INBOX.3"), a.desk));
  a.numbers->close();
  CAF_CHECK(a.ask({}, "_INBOX.4"));
  CAF_CHECK(a.waiting.empty() && a.desk->answers().empty());
}

CAF_TEST(a gathering is over when all have answered who are not silent) {
  numbers_gathering gathered{1, {node("a", 1), node("b", 2), node("c", 3, true)}};
  CAF_CHECK(!gathered.complete());
  gathered.add(reply(1, "a", 1));
  gathered.add(reply(2, "b", 2));                 // of another question
  gathered.add({1, false, R"({"what":"else"})"}); // as an older node answers
  gathered.add({1, true, {}});
  CAF_CHECK(!gathered.complete());
  gathered.add(reply(1, "b", 2));
  CAF_CHECK(gathered.complete());
  gathered.add(reply(1, "aa", 9)); // whom nobody knew
  CAF_REQUIRE_EQUAL(gathered.nodes().size(), 4u);
  CAF_CHECK_EQUAL(gathered.nodes()[1].name, "aa");
  CAF_CHECK(gathered.nodes()[1].document.has_value());
  CAF_CHECK(gathered.nodes()[3].silent && !gathered.nodes()[3].document);
  CAF_CHECK(!numbers_gathering(1, {}).complete());
}

CAF_TEST(of ages the greatest is exported and of idle times the least) {
  const auto one = [](const char* instance, gauge pending, gauge oldest, gauge idle) {
    return make_report("fetcher", instance,
                       fetcher_numbers{{},
                                       {},
                                       {.unstored = 0,
                                        .oldest_unconfirmed_ms = 0,
                                        .acks_unanswered_ms = 0,
                                        .held = 0,
                                        .held_bytes = 0,
                                        .paused = 0,
                                        .deciding = 0,
                                        .publishing = 0,
                                        .credit = 0,
                                        .pending = pending,
                                        .oldest_undecided_ms = oldest,
                                        .idle_ms = idle}});
  };
  const auto text = to_prometheus(
      to_snapshot({one("deposit-consumer/0", 5, 1500, 70), one("deposit-consumer/1", 7, 300, 20),
                   one("withdrawal-consumer/0", 9, not_known, 40),
                   one("withdrawal-consumer/recovery", not_known, not_known, 900)}));
  for (const auto* line : {"ledgerd_pending{consumer=\"deposit-consumer\"} 7\n",
                           "ledgerd_pending{consumer=\"withdrawal-consumer\"} 9\n",
                           "ledgerd_oldest_undecided_seconds{consumer=\"deposit-consumer\"} 1.5\n",
                           "ledgerd_idle_seconds 0.02\n"})
    CAF_CHECK(contains(text, line));
  // One consumer's age does not stand for that of another, of which nobody knows.
  CAF_CHECK(!contains(text, "undecided_seconds{consumer=\"withdrawal"));
  const auto unknown =
      to_prometheus(to_snapshot({one("deposit-consumer/0", not_known, not_known, 0)}));
  CAF_CHECK(!contains(unknown, "ledgerd_pending") && !contains(unknown, "undecided"));
}

CAF_TEST(what is counted about an actor from outside is shown of one that does not answer too) {
  const auto counted = [](const char* kind, const char* instance) {
    auto result = reports();
    result[0].actor = kind;
    result[0].instance = instance;
    return result[0];
  };
  std::vector<actor_report> all{
      make_report("lookup", "",
                  lookup_numbers{{.answered = 601, .refused = 602}, {.waiting = 603}}),
      silent_report("gate", "0"), actor_report{"gate", "0", {}, {}}};
  join_runtime(all, {counted("gate", "0"), counted("lookup", ""), counted("poster", "0")});
  CAF_REQUIRE_EQUAL(all.size(), 3u);
  const auto document = actors_document({}, all, 0).at("actors");
  CAF_CHECK(document[0].at("answered") == true && document[0].at("values").at("waiting") == 603);
  CAF_CHECK(document[1].at("answered") == false && document[1].at("values").at("mailbox") == 2);
  CAF_CHECK(document[2].at("actor") == "poster" && document[2].at("answered") == true);
  const auto text = to_prometheus(to_snapshot(all));
  for (const auto* line :
       {"caf_system_processed_messages_total{name=\"gate\"} 3\n",
        "caf_actor_mailbox_size{name=\"gate\"} 2\n", "caf_system_running_actors{name=\"gate\"} 1\n",
        "caf_actor_mailbox_time_seconds_count{name=\"poster\"} 0\n",
        "caf_actor_processing_time_seconds_bucket{name=\"gate\",le=\"5e-05\"} 3\n",
        "ledgerd_lookups_refused_total 602\n"})
    CAF_CHECK(contains(text, line));
  CAF_CHECK(!contains(text, "ledgerd_actor_busy_seconds")); // nobody knows it
}

CAF_TEST(each family has its help and its kind once) {
  const auto text = to_prometheus(to_snapshot(reports()));
  std::size_t families = 0;
  for (auto at = text.find("# TYPE "); at != std::string::npos; at = text.find("# TYPE ", at + 1)) {
    ++families;
    const auto name = text.substr(at + 7, text.find(' ', at + 7) - at - 7);
    const auto help = "# HELP " + name + " ";
    CAF_CHECK(contains(text, help));
    CAF_CHECK_EQUAL(text.find(help), text.rfind(help));
  }
  CAF_CHECK_EQUAL(families, 6u); // without what is not known, with the version
}
