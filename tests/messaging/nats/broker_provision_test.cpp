#include <functional>
#include <nlohmann/json.hpp>

#include "messaging/topology.hpp"
#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_provision
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fixture : broker_fixture {
  void make_stream(const std::string& name, const std::string& subjects, const std::string& more) {
    CAF_REQUIRE_EQUAL(ask("STREAM.CREATE." + name,
                          R"({"name":")" + name + R"(","subjects":)" + subjects + more + "}"),
                      "");
  }

  void make_requests(
      const std::string& more,
      const std::string& subjects = R"(["transaction.deposit","transaction.withdrawal"])") {
    make_stream("TRANSACTIONS", subjects, more);
  }

  void make_deposit_consumer(const std::string& more) {
    CAF_REQUIRE_EQUAL(
        ask("CONSUMER.DURABLE.CREATE.TRANSACTIONS.deposit-consumer",
            R"({"stream_name":"TRANSACTIONS","config":{"durable_name":"deposit-consumer")" + more
                + "}}"),
        "");
  }

  std::string shadow_description() {
    const auto answer =
        ask_jetstream(*side, "CONSUMER.INFO.TRANSACTIONS.request-consumer-shadow", "");
    return nlohmann::json::parse(answer.json).at("config").value("description", "");
  }

  // A server that reports no compression is older.
  bool is_before_2_10() {
    return ask_jetstream(*side, "STREAM.INFO.TRANSACTIONS", "").json.find("\"compression\"")
           == std::string::npos;
  }

  // No fault, and one warning that begins with these words after the name; without words none.
  void check_warning(const std::string& words) {
    const auto found = bus->provision({});
    for (const auto& one : found.refused)
      CAF_ERROR(one);
    for (const auto& one : found.warned)
      CAF_MESSAGE(one);
    CAF_REQUIRE_EQUAL(found.warned.size(), words.empty() ? 0u : 1u);
    if (!words.empty() && found.warned[0].find(": " + words) == std::string::npos)
      CAF_ERROR(words);
  }

  // Exactly one fault, which holds all the words.
  void check_fault(const std::vector<std::string>& words, provisioning how = {}) {
    const auto faults = bus->provision(how).refused;
    for (const auto& one : faults)
      CAF_MESSAGE(one);
    CAF_REQUIRE_EQUAL(faults.size(), 1u);
    for (const auto& word : words)
      if (!(faults[0].find(word) != std::string::npos))
        CAF_ERROR(word);
  }
};

const std::string file_limits = R"(,"storage":"file","retention":"limits")";
const std::string good_consumer =
    R"(,"ack_policy":"explicit","filter_subject":"transaction.deposit")";

} // namespace

CAF_TEST_FIXTURE_SCOPE(provision_tests, fixture)

CAF_TEST(an empty broker gets everything and a second time changes nothing) {
  CAF_CHECK(bus->provision({}).empty());
  CAF_CHECK(bus->provision({}).empty());
  for (const auto name : {names::request_stream, names::result_stream, names::dead_letter_stream})
    CAF_CHECK(bus->stream(name).exists);
  for (const auto name : {"deposit-consumer", "withdrawal-consumer"})
    CAF_CHECK(bus->consumer(names::request_stream, name).exists);
  for (const auto& each : durable_consumers)
    CAF_CHECK_EQUAL(bus->consumer(each.stream, each.name).exists, each.is_read(true, false));
  CAF_CHECK_EQUAL(bus->consumer_names(names::request_stream).size(), 2u);
  CAF_CHECK_EQUAL(deposit_state().ack_wait.count(), 30000);
  // Another wish later does not change what is there.
  CAF_CHECK(bus->provision({.ack_wait = 60000ms}).empty());
  CAF_CHECK_EQUAL(deposit_state().ack_wait.count(), 30000);
}

CAF_TEST(each role has its own consumers) {
  CAF_CHECK(bus->provision({.ledger = false, .account = true}).empty());
  for (const auto name : {names::request_stream, names::result_stream, names::dead_letter_stream})
    CAF_CHECK(bus->stream(name).exists);
  CAF_CHECK(!deposit_state().exists);
  CAF_CHECK(!bus->consumer(names::request_stream, "withdrawal-consumer").exists);
  const auto made = bus->consumer(names::result_stream, names::account_result_consumer);
  CAF_CHECK(made.exists);
  CAF_CHECK_EQUAL(made.ack_wait.count(), 30000);
  CAF_CHECK_EQUAL(made.max_deliver, 0u);
  // What a role does not need is neither missing nor judged.
  make_deposit_consumer(R"(,"ack_policy":"all","filter_subject":"transaction.deposit")");
  CAF_CHECK(bus->provision({.ledger = false, .account = true, .create = false}).empty());
  check_fault({"consumer deposit-consumer", "ack_policy is all"});
  CAF_REQUIRE_EQUAL(ask("CONSUMER.DELETE.TRANSACTION_RESULTS.account-result-consumer"), "");
  CAF_REQUIRE_EQUAL(ask("CONSUMER.DELETE.TRANSACTIONS.deposit-consumer"), "");
  CAF_CHECK(bus->provision({}).empty());
  CAF_CHECK(!bus->consumer(names::result_stream, names::account_result_consumer).exists);
  check_fault({"consumer account-result-consumer of stream TRANSACTION_RESULTS is missing"},
              {.account = true, .create = false});
}

CAF_TEST(the consumer of the account role gets all results) {
  CAF_CHECK(bus->provision({.account = true}).empty());
  auto source = bus->make_source(names::result_stream, names::account_result_consumer, 10);
  fetcher fetch(std::move(source), 10);
  publish_requests(1, "transaction.result.deposit");
  publish_requests(1, "transaction.result.withdrawal");
  std::size_t came = 0;
  CAF_CHECK(eventually([&] { return (came += fetch.turn().size()) == 2; }));
}

CAF_TEST(an unfit consumer of the account role is named) {
  CAF_CHECK(bus->provision({}).empty());
  const auto make = [&](const std::string& more) {
    ask("CONSUMER.DELETE.TRANSACTION_RESULTS.account-result-consumer");
    CAF_REQUIRE_EQUAL(
        ask("CONSUMER.DURABLE.CREATE.TRANSACTION_RESULTS.account-result-consumer",
            R"({"stream_name":"TRANSACTION_RESULTS","config":{"durable_name":"account-result-consumer",)"
                + more + "}}"),
        "");
  };
  const provisioning account{.ledger = false, .account = true};
  make(R"("ack_policy":"explicit","filter_subject":"transaction.result.>")");
  CAF_CHECK(bus->provision(account).empty());
  make(R"("ack_policy":"explicit","filter_subject":"transaction.result.deposit")");
  check_fault({"consumer account-result-consumer of stream TRANSACTION_RESULTS",
               "filter_subject is transaction.result.deposit"},
              account);
  make(R"("ack_policy":"all","filter_subject":"transaction.result.>")");
  check_fault({"ack_policy is all"}, account);
  make(R"("ack_policy":"explicit","ack_wait":5000000000,"filter_subject":"transaction.result.>")");
  check_fault({"ack_wait is 5000ms"}, account);
  make(R"("ack_policy":"explicit","deliver_subject":"x","filter_subject":"transaction.result.>")");
  check_fault({"deliver_subject is x"}, account);
  CAF_CHECK(bus->provision({}).empty());
}

CAF_TEST(without the permission to create what is missing is named) {
  auto faults = bus->provision({.create = false}).refused;
  CAF_REQUIRE_EQUAL(faults.size(), 3u);
  CAF_CHECK_EQUAL(faults[0], "stream TRANSACTIONS is missing");
  CAF_CHECK(!bus->stream(names::request_stream).exists);
  CAF_REQUIRE(bus->provision({}).empty());
  CAF_REQUIRE_EQUAL(ask("CONSUMER.DELETE.TRANSACTIONS.withdrawal-consumer"), "");
  faults = bus->provision({.create = false}).refused;
  CAF_REQUIRE_EQUAL(faults.size(), 1u);
  CAF_CHECK_EQUAL(faults[0], "consumer withdrawal-consumer of stream TRANSACTIONS is missing");
  CAF_CHECK(!bus->stream("NO_SUCH").exists);
  CAF_CHECK(!bus->consumer("NO_SUCH", "none").exists);
  CAF_CHECK(bus->consumer_names(names::request_stream)
            == std::vector<std::string>{"deposit-consumer"});
  CAF_CHECK(bus->consumer_names(names::result_stream).empty());
  CAF_CHECK(bus->consumer_names("NO_SUCH").empty());
}

CAF_TEST(several at once create everything once) {
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  std::vector<std::unique_ptr<broker>> buses;
  for (int i = 0; i < 4; ++i)
    buses.push_back(broker::connect(options_for(servers().nats_url()), nullptr));
  for (auto& one : buses)
    threads.emplace_back([&] {
      if (!one->provision({}).empty())
        ++failures;
    });
  for (auto& one : threads)
    one.join();
  CAF_CHECK_EQUAL(failures.load(), 0);
}

CAF_TEST(a work queue) {
  make_requests(R"(,"storage":"file","retention":"workqueue")");
  check_fault({"stream TRANSACTIONS", "retention is workqueue"});
}

CAF_TEST(interest) {
  make_stream("TRANSACTION_RESULTS", R"(["transaction.result.>"])",
              R"(,"storage":"file","retention":"interest")");
  check_fault({"stream TRANSACTION_RESULTS", "retention is interest"});
}

CAF_TEST(memory) {
  make_requests(R"(,"storage":"memory","retention":"limits")");
  check_fault({"stream TRANSACTIONS", "storage is memory"});
}

CAF_TEST(requests that push out older ones) {
  make_requests(file_limits + R"(,"discard":"old","max_bytes":1000000)");
  check_fault({"stream TRANSACTIONS", "discard is old", "max_bytes is 1000000"});
  bus->delete_stream("TRANSACTIONS");
  make_requests(file_limits + R"(,"discard":"old","max_msgs":77)");
  check_fault({"stream TRANSACTIONS", "discard is old", "max_msgs is 77"});
  bus->delete_stream("TRANSACTIONS");
  make_requests(file_limits + R"(,"discard":"old","max_msgs_per_subject":5)");
  check_fault({"stream TRANSACTIONS", "max_msgs_per_subject is 5"});
  bus->delete_stream("TRANSACTIONS");
  make_requests(file_limits + R"(,"discard":"new","max_msgs_per_subject":6)");
  check_fault({"stream TRANSACTIONS", "max_msgs_per_subject is 6"});
  bus->delete_stream("TRANSACTIONS");
  make_requests(file_limits
                + R"(,"discard":"new","max_msgs_per_subject":7,"discard_new_per_subject":true)");
  CAF_CHECK(bus->provision({}).empty());
  bus->delete_stream("TRANSACTIONS");
  make_requests(file_limits + R"(,"discard":"new","max_msgs":77)");
  CAF_CHECK(bus->provision({}).empty());
  bus->delete_stream("TRANSACTIONS");
  make_requests(file_limits + R"(,"discard":"new","max_bytes":1000000)");
  if (is_before_2_10())
    check_fault({"stream TRANSACTIONS", "max_bytes is 1000000", "before 2.10"});
  else
    CAF_CHECK(bus->provision({}).empty());
}

CAF_TEST(settings that a real server reports) {
  const struct {
    std::string more;
    std::vector<std::string> words;
  } refused[] = {
      {R"(,"max_age":60000000000,"duplicate_window":60000000000)", {"max_age is 60000ms"}},
      {R"(,"allow_rollup_hdrs":true)", {"allow_rollup_hdrs is true"}},
  };
  for (const auto& [more, words] : refused) {
    bus->delete_stream("TRANSACTIONS");
    make_requests(file_limits + more);
    check_fault(words);
  }
  const struct {
    std::string more;
    std::string word;
  } warned[] = {
      {R"(,"max_age":86400000000000)", "max_age is 86400000ms"},
      {R"(,"discard":"new","max_msgs":7)", "max_msgs is 7"},
      {R"(,"max_msg_size":1000)", "max_msg_size is 1000"},
      {R"(,"max_consumers":4)", "max_consumers is 4"},
      {R"(,"republish":{"src":">","dest":"copy.>"})", "republish is"},
      {R"(,"deny_delete":true,"deny_purge":true)", ""},
  };
  for (const auto& [more, word] : warned) {
    bus->delete_stream("TRANSACTIONS");
    make_requests(file_limits + more);
    check_warning(word);
  }
}

CAF_TEST(consumers that would skip or stop requests) {
  const struct {
    std::string more;
    std::string word;
  } refused[] = {
      {R"(,"deliver_policy":"new")", "deliver_policy is new"},
      {R"(,"deliver_policy":"last")", "deliver_policy is last"},
      {R"(,"deliver_policy":"by_start_sequence","opt_start_seq":5)",
       "deliver_policy is by_start_sequence"},
      {R"(,"replay_policy":"original")", "replay_policy is original"},
      {R"(,"max_bytes":1000)", "max_bytes is 1000"},
  };
  make_requests(file_limits);
  for (const auto& [more, word] : refused) {
    ask("CONSUMER.DELETE.TRANSACTIONS.deposit-consumer");
    make_deposit_consumer(good_consumer + more);
    check_fault({"consumer deposit-consumer of stream TRANSACTIONS", word});
  }
  const struct {
    std::string more;
    std::string word;
  } warned[] = {
      {R"(,"max_deliver":3)", "max_deliver is 3"},
      {R"(,"max_ack_pending":10)", "max_ack_pending is 10"},
      {"", "max_ack_pending is 1000"}, // what nats-server takes when nobody says
      {R"(,"max_waiting":10)", "max_waiting is 10"},
      {R"(,"max_batch":10)", "max_batch is 10"},
      {R"(,"inactive_threshold":60000000000)", "inactive_threshold is 60000ms"},
      {R"(,"mem_storage":true)", "mem_storage is true"},
      {R"(,"num_replicas":1)", "num_replicas is 1"},
      {R"(,"description":"x","sample_freq":"100")", ""},
  };
  for (const auto& [more, word] : warned) {
    const bool says_room = word.find("max_ack_pending") != std::string::npos;
    ask("CONSUMER.DELETE.TRANSACTIONS.deposit-consumer");
    make_deposit_consumer(good_consumer
                          + (says_room ? more : more + R"(,"max_ack_pending":100000)"));
    check_warning(word);
  }
}

// Whatever nats-server runs here, also a newer one: what the daemon makes is fine in its eyes, and
// it knows every field of it.
CAF_TEST(what we make ourselves is without fault) {
  bus->delete_stream(names::exhausted_stream);
  bus->delete_stream(names::action_stream);
  CAF_CHECK_EQUAL(bus->provision({.account = true}).made.size(), 9u);
  const auto again = bus->provision({.account = true});
  CAF_CHECK(again.refused.empty());
  CAF_CHECK(again.made.empty());
  for (const auto& one : again.warned)
    CAF_ERROR(one);
  CAF_CHECK(again.complete);
  CAF_CHECK_EQUAL(bus->provision({.account = true, .may_cost = false}).complete, !is_before_2_10());
}

CAF_TEST(results may push out older ones) {
  make_stream("TRANSACTION_RESULTS", R"(["transaction.result.>"])",
              file_limits + R"(,"discard":"old","max_msgs":100000)");
  CAF_CHECK(bus->provision({}).empty());
}

CAF_TEST(a stream that does not answer) {
  make_stream("TRANSACTION_RESULTS", R"(["transaction.result.>"])",
              file_limits + R"(,"no_ack":true)");
  check_fault({"stream TRANSACTION_RESULTS", "no_ack is true"});
}

CAF_TEST(a sealed stream) {
  make_stream("TRANSACTION_DEAD_LETTERS", R"(["transaction.dead.>"])", file_limits);
  CAF_REQUIRE_EQUAL(
      ask("STREAM.UPDATE.TRANSACTION_DEAD_LETTERS",
          R"({"name":"TRANSACTION_DEAD_LETTERS","subjects":["transaction.dead.>"],"sealed":true)"
              + file_limits + "}"),
      "");
  check_fault({"stream TRANSACTION_DEAD_LETTERS", "sealed is true"});
}

CAF_TEST(a missing subject) {
  make_stream("TRANSACTION_RESULTS", R"(["transaction.result.deposit","transaction.result.other"])",
              file_limits);
  check_fault({"stream TRANSACTION_RESULTS", "transaction.result.other",
               "transaction.result.withdrawal would not be stored"});
}

CAF_TEST(a wider subject is fine) {
  make_requests(file_limits, R"(["transaction.*"])");
  CAF_CHECK(bus->provision({}).empty());
}

CAF_TEST(subjects that belong to another stream) {
  bus->delete_stream("OTHER");
  make_stream("OTHER", R"(["transaction.result.deposit"])", file_limits);
  check_fault({"stream TRANSACTION_RESULTS is missing and cannot be created", "overlap"});
  bus->delete_stream("OTHER");
}

CAF_TEST(a push consumer) {
  make_requests(file_limits);
  make_deposit_consumer(good_consumer + R"(,"deliver_subject":"somewhere")");
  check_fault({"consumer deposit-consumer of stream TRANSACTIONS", "deliver_subject is somewhere"});
}

CAF_TEST(where something that exists is refused nothing is made) {
  for (const auto name : {names::exhausted_stream, names::action_stream}) // an earlier test's
    bus->delete_stream(name);
  make_requests(file_limits);
  make_deposit_consumer(good_consumer + R"(,"deliver_subject":"somewhere")");
  CAF_CHECK(bus->provision({}).made.empty());
  for (const auto name : {names::result_stream, names::dead_letter_stream, names::exhausted_stream,
                          names::action_stream})
    CAF_CHECK(!bus->stream(name).exists);
  CAF_CHECK_EQUAL(bus->consumer_names(names::request_stream).size(), 1u);
  // Unless somebody goes on, whatever else is wrong.
  const auto found = bus->provision({.despite_faults = true});
  CAF_CHECK_EQUAL(found.refused.size(), 1u);
  CAF_CHECK(bus->stream(names::result_stream).exists);
  CAF_CHECK_EQUAL(bus->consumer_names(names::request_stream).size(), 2u);
}

CAF_TEST(the consumers of a shadow belong to one database) {
  CAF_CHECK(bus->provision({}).empty());
  provisioning mine{.shadow = true, .shadow_database = 0x1f};
  const auto made = bus->provision(mine);
  CAF_CHECK(made.empty());
  CAF_CHECK_EQUAL(made.made.size(), 2u);
  CAF_CHECK(shadow_description().ends_with("ledgerd shadow of database 000000000000001f"));
  CAF_CHECK(bus->provision(mine).empty());
  const auto other = bus->provision({.shadow = true, .shadow_database = 0x2f});
  CAF_REQUIRE_EQUAL(other.refused.size(), 2u);
  for (const auto* words : {"belongs to the shadow of another database",
                            "`nats consumer rm TRANSACTIONS request-consumer-shadow`"})
    if (!(other.refused[0].find(words) != std::string::npos))
      CAF_ERROR(words);
  CAF_CHECK(other.refused[1].find("nats consumer rm TRANSACTION_RESULTS result-consumer-shadow")
            != std::string::npos);
  // Who does not know its database only looks at the rest.
  CAF_CHECK(bus->provision({.create = false, .shadow = true}).empty());
}

CAF_TEST(the consumers of a shadow that have no mark get one) {
  CAF_CHECK(bus->provision({}).empty());
  CAF_CHECK(bus->provision({.shadow = true}).empty()); // as an earlier version makes them
  CAF_CHECK_EQUAL(shadow_description(), "");
  provisioning mine{.create = false, .shadow = true, .shadow_database = 0x1f};
  CAF_CHECK(bus->provision(mine).empty());
  CAF_CHECK_EQUAL(shadow_description(), ""); // who only looks changes nothing
  mine.create = true;
  CAF_CHECK(bus->provision(mine).empty());
  CAF_CHECK_EQUAL(shadow_description(), "ledgerd shadow of database 000000000000001f");
  CAF_CHECK_EQUAL(bus->provision({.shadow = true, .shadow_database = 0x2f}).refused.size(), 2u);
}

CAF_TEST(a consumer that acknowledges too early) {
  make_requests(file_limits);
  make_deposit_consumer(R"(,"ack_policy":"all","filter_subject":"transaction.deposit")");
  check_fault({"consumer deposit-consumer", "ack_policy is all"});
}

CAF_TEST(a consumer with a short wait) {
  make_requests(file_limits);
  make_deposit_consumer(good_consumer + R"(,"ack_wait":9000000000)");
  check_fault({"consumer deposit-consumer", "ack_wait is 9000ms", "10000ms"});
  CAF_CHECK(bus->provision({.shutdown_deadline = 9000ms}).empty());
}

CAF_TEST(a consumer with a short backoff) {
  make_requests(file_limits);
  make_deposit_consumer(
      good_consumer
      + R"(,"ack_wait":30000000000,"max_deliver":3,"backoff":[1000000000,2000000000])");
  check_fault({"consumer deposit-consumer", "first backoff is 1000ms"});
}

CAF_TEST(a consumer with another filter) {
  make_requests(file_limits);
  make_deposit_consumer(R"(,"ack_policy":"explicit","filter_subject":"transaction.withdrawal")");
  check_fault({"consumer deposit-consumer", "filter_subject is transaction.withdrawal",
               "transaction.deposit"});
}

CAF_TEST(a consumer without filter) {
  make_requests(file_limits);
  make_deposit_consumer(R"(,"ack_policy":"explicit")");
  check_fault({"consumer deposit-consumer", "filter_subject is none"});
}

CAF_TEST(a consumer without payloads) {
  make_requests(file_limits);
  make_deposit_consumer(good_consumer + R"(,"headers_only":true)");
  check_fault({"consumer deposit-consumer", "headers_only is true"});
}

CAF_TEST(a consumer that refuses our requests) {
  make_requests(file_limits);
  make_deposit_consumer(good_consumer + R"(,"max_expires":1000000000)");
  check_fault({"consumer deposit-consumer", "max_expires is 1000ms"});
}

CAF_TEST(a limit on deliveries is survived and not refused) {
  make_requests(file_limits);
  make_deposit_consumer(good_consumer + R"(,"max_deliver":3)");
  CAF_CHECK(bus->provision({}).empty());
}

CAF_TEST(all faults are named at once) {
  make_requests(R"(,"storage":"memory","retention":"workqueue")", R"(["transaction.deposit"])");
  const auto faults = bus->provision({.create = false}).refused;
  // Three of the stream, two missing streams, two missing consumers.
  CAF_CHECK_EQUAL(faults.size(), 7u);
}

CAF_TEST_FIXTURE_SCOPE_END()
