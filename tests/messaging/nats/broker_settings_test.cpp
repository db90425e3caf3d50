#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "messaging/nats/settings.hpp"

#define CAF_SUITE broker_settings
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using nlohmann::json;

namespace {

// What nats-server 2.15 reports of a stream and a consumer as we make them.
const auto good_stream = json::parse(R"({"name":"TRANSACTIONS","subjects":["a"],
  "retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,
  "max_msgs_per_subject":-1,"max_msg_size":-1,"discard":"new","storage":"file","num_replicas":1,
  "duplicate_window":120000000000,"compression":"none","allow_direct":false,"mirror_direct":false,
  "sealed":false,"deny_delete":false,"deny_purge":false,"allow_rollup_hdrs":false,
  "consumer_limits":{},"allow_msg_ttl":false,
  "metadata":{"_nats.level":"5","_nats.req.level":"0","_nats.ver":"2.15.1"}})");

const auto good_consumer = json::parse(R"({"durable_name":"c","name":"c","deliver_policy":"all",
  "ack_policy":"explicit","ack_wait":30000000000,"max_deliver":-1,"filter_subject":"a",
  "replay_policy":"instant","max_waiting":512,"max_ack_pending":100000,"num_replicas":0,
  "metadata":{"_nats.level":"5"}})");

constexpr std::int64_t now_ns = 1'795'505'572'000'000'000; // 2026-11-24T07:32:52Z

judgement judge(stream_use use, const json& change) {
  auto config = good_stream;
  config.merge_patch(change);
  return judge_stream({"S", use, {"a"}}, config.dump(), {.now_ns = now_ns});
}

judgement judge(const json& change) {
  auto config = good_consumer;
  config.merge_patch(change);
  return judge_consumer({"S", "c", "a"}, config.dump(), {.now_ns = now_ns});
}

std::string text(const judgement& found) {
  std::string result;
  for (const auto& one : found.refused)
    result += "refused " + one + "\n";
  for (const auto& one : found.warned)
    result += "warned " + one + "\n";
  return result;
}

constexpr auto requests = stream_use::requests;
constexpr auto results = stream_use::results;
constexpr auto letters = stream_use::dead_letters;
constexpr auto announced = stream_use::announcements;

// 'r': refused for this setting alone; 'w': warned; '-': fine.
void check(char expected, const judgement& found, const std::string& start) {
  const auto& right = expected == 'r' ? found.refused : found.warned;
  const auto& wrong = expected == 'r' ? found.warned : found.refused;
  const bool fits = expected == '-'
                        ? right.empty() && wrong.empty()
                        : wrong.empty() && right.size() == 1
                              && right[0].find(": " + start + " is ") != std::string::npos
                              && right[0].find(";") != std::string::npos;
  if (!fits)
    CAF_ERROR(start << " should be " << std::string(1, expected) << ":\n" << text(found));
}

struct stream_row {
  const char* change;
  const char* verdicts; // for requests, results, dead letters, announcements
};

// One row at least for every field that may be refused or warned of.
const stream_row stream_rows[] = {
    {R"({"retention":"workqueue"})", "rrrr"},
    {R"({"retention":"interest"})", "rrrr"},
    {R"({"storage":"memory"})", "rrrr"},
    {R"({"no_ack":true})", "rrrr"},
    {R"({"sealed":true})", "rrrr"},
    {R"({"mirror":{"name":"X"}})", "rrrr"},
    {R"({"subject_transform":{"src":">","dest":"x.>"}})", "rrrr"},
    {R"({"allow_msg_counter":true})", "rrrr"},
    {R"({"persist_mode":"async"})", "rwrr"},
    {R"({"persist_mode":"default"})", "----"},
    {R"({"max_msgs":5,"discard":"old"})", "rwwr"},
    {R"({"max_msgs":5})", "wwww"},
    {R"({"max_bytes":5,"discard":"old"})", "rwwr"},
    {R"({"max_bytes":5})", "wwww"},
    {R"({"max_bytes":5,"compression":null})", "rwwr"},
    {R"({"max_msgs_per_subject":5,"discard":"old"})", "rwwr"},
    {R"({"max_msgs_per_subject":5})", "rwwr"},
    {R"({"max_msgs_per_subject":5,"discard_new_per_subject":true})", "wwww"},
    {R"({"max_age":3599999999999})", "rwwr"},
    {R"({"max_age":3600000000000})", "w-ww"},
    {R"({"max_msg_size":4095})", "wrrr"},
    {R"({"max_msg_size":70000})", "w-w-"},
    {R"({"max_msg_size":100000})", "--w-"},
    {R"({"max_consumers":7})", "wwww"},
    {R"({"max_consumers":100})", "----"},
    {R"({"num_replicas":2})", "wwww"},
    {R"({"num_replicas":3})", "----"},
    {R"({"num_replicas":3,"compression":null})", "wwww"},
    {R"({"duplicate_window":1000000000})", "-ww-"},
    {R"({"allow_rollup_hdrs":true})", "rwwr"},
    {R"({"deny_delete":true})", "--ww"},
    {R"({"deny_purge":true})", "----"},
    {R"({"sources":[{"name":"X"}]})", "wwww"},
    {R"({"republish":{"src":">","dest":"x.>"}})", "wwww"},
    {R"({"consumer_limits":{"inactive_threshold":1}})", "wwww"},
    {R"({"allow_msg_ttl":true})", "w---"},
    {R"({"subject_delete_marker_ttl":1000000000})", "wwww"},
    {R"({"allow_msg_schedules":true})", "wwww"},
    {R"({"compression":"s2"})", "----"},
    {R"({"description":"x"})", "----"},
    {R"({"placement":{"tags":["a"]}})", "----"},
    {R"({"allow_direct":true})", "----"},
    {R"({"mirror_direct":true})", "----"},
    {R"({"allow_atomic":true})", "----"},
    {R"({"allow_batched":true})", "----"},
    {R"({"first_seq":100})", "----"},
    {R"({"metadata":{"a":"b"}})", "----"},
    {R"({"from_the_future":true})", "wwww"},
    {R"({"from_the_future":false,"more":0,"yet_more":"","list":[],"object":{}})", "----"},
};

struct consumer_row {
  const char* change;
  char expected;
};

const consumer_row consumer_rows[] = {
    {R"({"durable_name":null})", 'r'},
    {R"({"deliver_subject":"x"})", 'r'},
    {R"({"deliver_policy":"new"})", 'r'},
    {R"({"deliver_policy":"last"})", 'r'},
    {R"({"deliver_policy":"last_per_subject"})", 'r'},
    {R"({"deliver_policy":"by_start_sequence","opt_start_seq":2})", 'r'},
    {R"({"deliver_policy":"by_start_time","opt_start_time":"2026-01-01T00:00:00Z"})", 'r'},
    {R"({"ack_policy":"all"})", 'r'},
    {R"({"ack_policy":"none"})", 'r'},
    {R"({"ack_policy":"flow_control"})", 'r'},
    {R"({"ack_wait":9000000000})", 'r'},
    {R"({"ack_wait":300000000000})", '-'},
    {R"({"ack_wait":300000000001})", 'w'},
    {R"({"replay_policy":"original"})", 'r'},
    {R"({"headers_only":true})", 'r'},
    {R"({"max_expires":1000000000})", 'r'},
    {R"({"max_expires":4000000000})", '-'},
    {R"({"max_bytes":1000})", 'r'},
    {R"({"max_bytes":1000000000})", 'w'},
    {R"({"sourcing":true})", 'r'},
    {R"({"priority_groups":["a"]})", 'r'},
    {R"({"priority_policy":"overflow"})", 'r'},
    {R"({"priority_policy":"none","priority_timeout":120000000000})", '-'},
    {R"({"max_deliver":3})", 'w'},
    {R"({"max_ack_pending":19999})", 'w'},
    {R"({"max_waiting":10})", 'w'},
    {R"({"max_batch":10})", 'w'},
    {R"({"inactive_threshold":60000000000})", 'w'},
    {R"({"num_replicas":1})", 'w'},
    {R"({"mem_storage":true})", 'w'},
    {R"({"direct":true})", 'w'},
    {R"({"pause_until":"2026-11-24T07:32:53Z"})", 'w'},
    {R"({"pause_until":"2026-11-24T07:32:51.9Z"})", '-'},
    {R"({"pause_until":"0001-01-01T00:00:00Z"})", '-'},
    {R"({"description":"x","sample_freq":"100","metadata":{"a":"b"}})", '-'},
    {R"({"from_the_future":1})", 'w'},
    {R"({"from_the_future":0})", '-'},
};

} // namespace

CAF_TEST(what the daemon makes is fine) {
  for (const auto use : {requests, results, letters, announced})
    CAF_CHECK_EQUAL(text(judge(use, json::object())), "");
  CAF_CHECK_EQUAL(text(judge(json::object())), "");
}

CAF_TEST(every setting of a stream has its verdict) {
  for (const auto& [change, verdicts] : stream_rows) {
    const auto patch = json::parse(change);
    const auto field = patch.size() > 1 && patch.contains("max_bytes") ? "max_bytes"
                       : patch.contains("max_msgs")                    ? "max_msgs"
                       : patch.contains("max_msgs_per_subject")        ? "max_msgs_per_subject"
                       : patch.contains("num_replicas")                ? "num_replicas"
                                                                       : patch.begin().key();
    std::size_t i = 0;
    for (const auto use : {requests, results, letters, announced})
      check(verdicts[i++], judge(use, patch), field);
  }
}

CAF_TEST(every setting of a consumer has its verdict) {
  for (const auto& [change, expected] : consumer_rows) {
    const auto patch = json::parse(change);
    check(expected, judge(patch), patch.begin().key());
  }
}

// A field that the tests forget would be judged by nobody's eyes.
CAF_TEST(every field in the tables stands in the tests) {
  const auto missing = [](const auto& fields, const auto& rows, const json& good) {
    std::string result;
    for (const auto field : fields)
      if (!good.contains(field) && std::none_of(std::begin(rows), std::end(rows), [&](auto& row) {
            return json::parse(row.change).contains(field);
          }))
        result += std::string(field) + " ";
    return result;
  };
  CAF_CHECK_EQUAL(missing(judged_stream_fields(), stream_rows, good_stream), "template_owner ");
  CAF_CHECK_EQUAL(missing(judged_consumer_fields(), consumer_rows, good_consumer),
                  "filter_subjects backoff flow_control idle_heartbeat deliver_group "
                  "rate_limit_bps ");
}

// The fields that nats-server 2.15.1 takes, found by asking it for each.
CAF_TEST(every field that a server knows stands in the tables) {
  const auto has = [](const auto& fields, std::string_view field) {
    return std::find(fields.begin(), fields.end(), field) != fields.end();
  };
  for (const auto* field : {"allow_atomic",
                            "allow_batched",
                            "allow_direct",
                            "allow_msg_counter",
                            "allow_msg_ttl",
                            "allow_msg_schedules",
                            "allow_rollup_hdrs",
                            "compression",
                            "consumer_limits",
                            "deny_delete",
                            "deny_purge",
                            "description",
                            "discard",
                            "discard_new_per_subject",
                            "duplicate_window",
                            "first_seq",
                            "max_age",
                            "max_bytes",
                            "max_consumers",
                            "max_msg_size",
                            "max_msgs",
                            "max_msgs_per_subject",
                            "metadata",
                            "mirror",
                            "mirror_direct",
                            "name",
                            "no_ack",
                            "num_replicas",
                            "persist_mode",
                            "placement",
                            "republish",
                            "retention",
                            "sealed",
                            "sources",
                            "storage",
                            "subject_delete_marker_ttl",
                            "subject_transform",
                            "subjects"})
    CAF_CHECK_EQUAL(has(judged_stream_fields(), field) ? "" : field, "");
  for (const auto* field : {"ack_policy",       "ack_wait",        "backoff",
                            "deliver_group",    "deliver_policy",  "deliver_subject",
                            "description",      "direct",          "durable_name",
                            "filter_subject",   "filter_subjects", "flow_control",
                            "headers_only",     "idle_heartbeat",  "inactive_threshold",
                            "max_ack_pending",  "max_batch",       "max_bytes",
                            "max_deliver",      "max_expires",     "max_waiting",
                            "mem_storage",      "metadata",        "name",
                            "num_replicas",     "opt_start_seq",   "opt_start_time",
                            "pause_until",      "priority_groups", "priority_policy",
                            "priority_timeout", "rate_limit_bps",  "replay_policy",
                            "sample_freq",      "sourcing"})
    CAF_CHECK_EQUAL(has(judged_consumer_fields(), field) ? "" : field, "");
}

CAF_TEST(filters and backoffs are judged together with what they replace) {
  check('r', judge(json::parse(R"({"filter_subject":"b"})")), "filter_subject");
  CAF_CHECK_EQUAL(text(judge(json::parse(R"({"filter_subject":null,"filter_subjects":["a"]})"))),
                  "");
  CAF_CHECK_EQUAL(
      judge(json::parse(R"({"filter_subject":null,"filter_subjects":["a","b"]})")).refused.size(),
      1u);
  CAF_CHECK_EQUAL(judge(json::parse(R"({"backoff":[1000000000,60000000000]})")).refused.size(), 1u);
  CAF_CHECK_EQUAL(text(judge(json::parse(R"({"ack_wait":1,"backoff":[30000000000]})"))), "");
  CAF_CHECK_EQUAL(judge(json::parse(R"({"backoff":[30000000000,36000000000000]})")).warned.size(),
                  1u);
}

CAF_TEST(hostile answers are judged without a fault of ours) {
  for (const auto* config :
       {"", "[]", "null", "{", R"({"subjects":7,"retention":[],"max_age":"x"})"}) {
    CAF_CHECK(!judge_stream({"S", requests, {"a"}}, config, {}).refused.empty());
    CAF_CHECK(!judge_consumer({"S", "c", "a"}, config, {}).refused.empty());
  }
}
