#include "messaging/chosen_names.hpp"

#include <algorithm>
#include <string>
#include <variant>

#include "messaging/codec.hpp"
#include "messaging/shadow_topology.hpp"
#include "messaging/submission_codec.hpp"

#define CAF_SUITE chosen_names
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

const auto won = *currency_code::parse("KRW");
const currency_table currencies({{won, 0}});

std::vector<chosen_name> with(std::vector<std::pair<std::string, std::string>> given) {
  auto all = contract_names();
  for (const auto& [key, value] : given) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&, &key = key](const auto& each) { return each.key == key; });
    CAF_REQUIRE(found != all.end());
    found->value = value;
  }
  return all;
}

std::string faults_of(std::vector<std::pair<std::string, std::string>> given) {
  std::string all;
  for (const auto& each : name_faults(with(std::move(given))))
    all += each + "\n";
  return all;
}

// The names that a chosen one leads to, in a fixed order.
std::vector<std::string_view> all_in_use() {
  std::vector<std::string_view> all{
      names::request_stream,     names::result_stream,        names::dead_letter_stream,
      names::exhausted_stream,   names::exhausted_prefix,     names::action_stream,
      names::action_subjects,    names::discard_subject,      names::replay_subject,
      names::result_subjects,    names::dead_letter_subjects, names::dead_letter_prefix,
      names::api_submit,         names::api_record,           names::api_account,
      names::api_history,        names::api_verdicts,         names::api_currencies,
      names::cluster_word,       names::cluster_ask,          names::node_prefix,
      names::end_session_subject};
  for (const auto& each : movement_routes)
    for (const auto name : {each.request, each.consumer, each.result, each.dead_letter})
      all.push_back(name);
  for (const bool shadow : {false, true})
    for (const auto& each : consumers_of(shadow))
      for (const auto name : {each.stream, each.name, each.filter})
        all.push_back(name);
  return all;
}

// The contract's again, however a test ends.
struct fixture {
  ~fixture() { choose_names(contract_names()); }
};

// Every name another one, which says which it is.
std::vector<chosen_name> all_changed() {
  auto all = contract_names();
  for (auto& each : all) {
    each.value = "x-" + each.key;
    if (each.kind >= name_kind::subject)
      std::replace(each.value.begin(), each.value.end(), '-', '.');
  }
  for (auto& each : all)
    if (each.kind == name_kind::subject) // the last token tells them apart
      each.value = "x." + each.key;
  return all;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(chosen_names_tests, fixture)

CAF_TEST(the contract keeps to its own rules and is what is in use) {
  CAF_CHECK_EQUAL(faults_of({}), "");
  const auto before = all_in_use();
  choose_names(contract_names());
  CAF_CHECK(all_in_use() == before);
}

CAF_TEST(nothing of the contract is left when all is changed) {
  const auto before = all_in_use();
  CAF_REQUIRE(name_faults(all_changed()).empty());
  choose_names(all_changed());
  const auto after = all_in_use();
  CAF_REQUIRE_EQUAL(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    CAF_MESSAGE(before[i] << " is " << after[i]);
    CAF_CHECK(before[i].empty() ? after[i].empty() : before[i] != after[i]);
  }
  CAF_CHECK_EQUAL(names::exhausted_prefix,
                  "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.x-request-stream.");
  CAF_CHECK_EQUAL(names::node_prefix, "x.service.prefix.node.");
}

CAF_TEST(the wire format goes by the chosen names) {
  choose_names(all_changed());
  for (const auto& route : movement_routes) {
    const auto payload = R"({"recordId":7,"userId":"ann","amount":1,"currency":"KRW"})";
    const auto decoded = decode_entry(route.request, payload, currencies, {});
    CAF_REQUIRE(std::holds_alternative<entry>(decoded));
    CAF_CHECK(std::get<entry>(decoded).type == route.type);
    transaction_record record;
    record.asked = {{"ann", won}, route.type, {}};
    CAF_CHECK_EQUAL(make_request(0, record, 0, 0).subject, route.request);
    posting stored;
    stored.account = {"ann", won};
    stored.type = route.type;
    delivery source{.subject = std::string(route.request)};
    CAF_CHECK_EQUAL(make_result(0, stored, 0, source).subject, route.result);
    CAF_CHECK_EQUAL(make_dead_letter(0, std::move(source), {}, "node", 1 << 20).subject,
                    route.dead_letter);
    CAF_CHECK(route.result.starts_with("x.result.prefix."));
  }
  for (const auto& route : contract_routes)
    CAF_CHECK(std::holds_alternative<rejection>(decode_entry(route.request, "{}", currencies, {})));
}

CAF_TEST(what a name must not be) {
  const std::string token = "must be printable characters of ASCII without blanks, quotes, `.`, "
                            "`*`, `>` and slashes, not ";
  const std::string subject = "must be a subject such as payments.request, of tokens without "
                              "wildcards, blanks, quotes and slashes, with one `.` between two of "
                              "them, not ";
  const std::string long_name(129, 'a');
  struct row {
    std::string key, value, says;
  };
  for (const auto& [key, value, says] : std::vector<row>{
           {"request-stream", "PAYMENTS-2_x", ""},
           {"request-stream", "A.B", token + "`A.B`"},
           {"request-stream", "A*", token + "`A*`"},
           {"action-stream", "A>", token + "`A>`"},
           {"result-stream", "A B", token + "`A B`"},
           {"result-stream", "A/B", token + "`A/B`"},
           {"account-result-consumer", "\xc3\xa4", token + "`\xc3\xa4`"},
           {"request-stream", "", "must have 1 to 128 characters, not ``"},
           {"request-stream", long_name, "must have 1 to 128 characters, not `" + long_name + "`"},
           {"result-prefix", "payments.done", ""},
           {"result-prefix", "payments.*", subject + "`payments.*`"},
           {"dead-letter-prefix", "payments.>", subject + "`payments.>`"},
           {"dead-letter-prefix", "payments.", subject + "`payments.`"},
           {"action-prefix", ".payments", subject + "`.payments`"},
           {"service-prefix", "a..b", subject + "`a..b`"},
           {"service-prefix", "$JS.x",
            "must not lie under `$` or `_INBOX`, which are the broker's own, not `$JS.x`"},
           {"service-prefix", "_INBOX.x",
            "must not lie under `$` or `_INBOX`, which are the broker's own, not `_INBOX.x`"}}) {
    CAF_MESSAGE(key << " = " << value);
    CAF_CHECK_EQUAL(faults_of({{key, value}}), says.empty() ? "" : key + " " + says + "\n");
  }
}

CAF_TEST(which names must not be the same or overlap) {
  CAF_CHECK_EQUAL(faults_of({{"action-stream", "TRANSACTION_RESULTS"}}),
                  "action-stream (`TRANSACTION_RESULTS`) must not be the name of result-stream, "
                  "too\n");
  CAF_CHECK_EQUAL(faults_of({{"result-prefix", "bank"}, {"dead-letter-prefix", "bank.dead"}}),
                  "dead-letter-prefix (`bank.dead`) must not be result-prefix (`bank`) nor lie "
                  "under it, or it under this\n");
  CAF_CHECK_EQUAL(faults_of({{"result-prefix", "bank"}, {"dead-letter-prefix", "banks"}}), "");
  // Both movements of the contract lie under it.
  const auto both = faults_of({{"service-prefix", "transaction"}});
  CAF_CHECK_EQUAL(std::count(both.begin(), both.end(), '\n'), 5);
  const auto first = std::string(contract_routes[0].token());
  const auto second = std::string(contract_routes[1].token());
  CAF_CHECK_EQUAL(
      faults_of({{first + "-subject", "in.money"}, {second + "-subject", "out.money"}}),
      second + "-subject (`out.money`) must not end as " + first
          + "-subject (`in.money`) does: results and dead letters are told apart by the last "
            "token\n");
  CAF_CHECK_EQUAL(faults_of({{first + "-consumer", "one"}, {second + "-consumer", "one"}}),
                  second + "-consumer (`one`) must not be the name of " + first
                      + "-consumer, too: both are consumers of the request-stream\n");
  CAF_CHECK_EQUAL(faults_of({{"account-result-consumer", "one"}, {first + "-consumer", "one"}}),
                  "");
}

CAF_TEST_FIXTURE_SCOPE_END()
