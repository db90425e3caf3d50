// What is made of JetStream's answers, those included that no server should give.
#include "messaging/nats/js_answers.hpp"

#define CAF_SUITE broker_js_answers
#include <caf/test/unit_test.hpp>

using namespace ledgerd;

CAF_TEST(times are read as Go writes them) {
  CAF_CHECK_EQUAL(parse_time("1970-01-01T00:00:01Z"), 1'000'000'000);
  CAF_CHECK_EQUAL(parse_time("2026-11-24T09:30:00.5Z"), 1'795'512'600'500'000'000);
  CAF_CHECK_EQUAL(parse_time("2026-11-24T09:30:00.123456789Z"), 1'795'512'600'123'456'789);
  CAF_CHECK_EQUAL(parse_time("1969-12-31T23:59:59Z"), -1'000'000'000);
}

CAF_TEST(a time that does not fit 64 bits of nanoseconds is none) {
  for (const auto* text : {"9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2262-01-01T00:00:00Z",
                           "1677-12-31T00:00:00Z"})
    CAF_CHECK_EQUAL(parse_time(text), 0);
}

CAF_TEST(what is no time is none) {
  for (const auto* text : {"", "Z", "2026-11-24", "2026-13-24T09:30:00Z", "2026-02-30T09:30:00Z",
                           "2026-11-24T09:30:00+01:00", "yesterday, at about nineZ"})
    CAF_CHECK_EQUAL(parse_time(text), 0);
}

CAF_TEST(a state is read from an answer) {
  const auto state =
      parse_stream_state(R"({"config":{"max_age":5},"created":"1970-01-01T00:00:01Z",)"
                         R"("state":{"messages":1,"bytes":2,"first_seq":3,"last_seq":4}})");
  CAF_CHECK(state.exists && state.limited);
  CAF_CHECK_EQUAL(state.messages, 1u);
  CAF_CHECK_EQUAL(state.bytes, 2u);
  CAF_CHECK_EQUAL(state.first_seq, 3u);
  CAF_CHECK_EQUAL(state.last_seq, 4u);
  CAF_CHECK_EQUAL(state.created_at_ns, 1'000'000'000);
  CAF_CHECK(!parse_stream_state(R"({"config":{"max_age":0,"max_msgs":-1}})").limited);
  CAF_CHECK(parse_stream_state(R"({"config":{}})").on_old_server);
  const auto refusing =
      parse_stream_state(R"({"config":{"discard":"new","max_msgs":-1,"max_bytes":5},"state":{}})");
  CAF_CHECK_EQUAL(refusing.messages_max, 0u);
  CAF_CHECK_EQUAL(refusing.bytes_max, 5u);
  CAF_CHECK_EQUAL(parse_stream_state(R"({"config":{"discard":"old","max_msgs":5}})").messages_max,
                  0u);
  CAF_CHECK(!parse_stream_state(R"({"config":{"compression":"none"}})").on_old_server);
  CAF_CHECK_EQUAL(parse_stream_state(R"({"cluster":{"name":"c","leader":"n2"}})").leader, "n2");
  CAF_CHECK_EQUAL(parse_stream_state(R"({"cluster":["n2"]})").leader, "");
  CAF_CHECK_EQUAL(
      parse_stream_state(R"({"cluster":{"leader":"n2","leader_since":"1970-01-01T00:00:07Z"}})")
          .led_since_ns,
      7'000'000'000);
  CAF_CHECK(parse_leaderless(R"({"cluster":{"name":"c"}})"));
  CAF_CHECK(!parse_leaderless(R"({"cluster":{"name":"c","leader":"n2"}})"));
  CAF_CHECK(!parse_leaderless(R"({"config":{}})")); // a consumer whose server knows no more
  CAF_CHECK_EQUAL(parse_cluster(R"({"cluster":{"name":"c","leader":"n2"}})"), "c");
  CAF_CHECK_EQUAL(parse_cluster(""), "");
}

CAF_TEST(a copy is weak when its server is away or behind or when there is no server for it) {
  const auto weak = [](int wanted, const std::string& replicas) {
    std::string result;
    const auto state =
        parse_stream_state(R"({"config":{"num_replicas":)" + std::to_string(wanted)
                           + R"(},"cluster":{"leader":"n1","replicas":)" + replicas + "}}");
    for (const auto& each : state.weak_copies)
      result += (result.empty() ? "" : ",") + each;
    return result;
  };
  const std::string good = R"({"name":"n2","current":true,"active":1})";
  CAF_CHECK_EQUAL(weak(3, "[" + good + R"(,{"name":"n3","current":true,"lag":3}])"), "");
  CAF_CHECK_EQUAL(weak(3, "[" + good + R"(,{"name":"n3","current":false,"lag":9,"active":2000}])"),
                  ""); // the slower one under load
  CAF_CHECK_EQUAL(weak(3, "[" + good + R"(,{"name":"n3","current":false,"lag":1000,"active":1}])"),
                  "n3");
  CAF_CHECK_EQUAL(weak(3, "[" + good + R"(,{"name":"n3","current":false,"active":5000000000}])"),
                  "n3");
  CAF_CHECK_EQUAL(weak(3, "[" + good + R"(,{"name":"n3","current":false,"active":0,"lag":2}])"),
                  "n3"); // gone before it ever spoke to the one that leads now
  CAF_CHECK_EQUAL(weak(3, "[" + good + R"(,{"name":"n3","current":true,"offline":true}])"), "n3");
  CAF_CHECK_EQUAL(weak(3, "[" + good + "]"), "no server");
  CAF_CHECK_EQUAL(weak(1, "[]"), "");
  CAF_CHECK_EQUAL(weak(2, R"([7,{"current":"yes","lag":5000}])"),
                  ""); // of a server without a name
  CAF_CHECK_EQUAL(weak(3, "null"), "no server,no server");
  CAF_CHECK_EQUAL(weak(1'000'000'000, "[]").size(), std::string("no server,").size() * 4 - 1);
  CAF_CHECK(parse_stream_state(R"({"config":{"num_replicas":3}})").weak_copies.empty());
}

CAF_TEST(a limit of an account is tight when nine tenths of it are used) {
  const auto warned = [](const std::string& text) {
    return tight_limits(parse_account_use(text)).size();
  };
  const auto account = [](const std::string& storage, const std::string& streams) {
    return R"({"storage":)" + storage + R"(,"streams":)" + streams
           + R"(,"limits":{"max_storage":100,"max_streams":5,"max_consumers":-1}})";
  };
  CAF_CHECK_EQUAL(warned(account("89", "4")), 0u);
  CAF_CHECK_EQUAL(warned(account("90", "4")), 1u);
  CAF_CHECK_EQUAL(warned(account("101", "5")), 2u);
  CAF_CHECK_EQUAL(warned(R"({"storage":9,"limits":{"max_storage":-1,"max_streams":0}})"), 0u);
  CAF_CHECK_EQUAL(warned(R"({"storage":"9","limits":[],"tiers":7})"), 0u);
  CAF_CHECK(tight_limits(parse_account_use(account("95", "1")))
                .front()
                .starts_with("the account on NATS uses 95 of 100 bytes of storage (max_file): "));
}

CAF_TEST(an account with tiers is judged by each of them) {
  const auto account = parse_account_use(
      R"({"storage":99,"streams":6,"limits":{"max_storage":0,"max_streams":0},"tiers":{)"
      R"("R1":{"storage":9,"streams":1,"limits":{"max_storage":100,"max_consumers":2}},)"
      R"("R3":{"storage":90,"streams":5,"limits":{"max_storage":100,"max_consumers":9}}}})");
  const auto warned = tight_limits(account);
  CAF_REQUIRE_EQUAL(warned.size(), 1u);
  CAF_CHECK(warned.front().starts_with("the account on NATS uses in its tier R3 90 of 100 bytes "));
  const auto of_stream = [&](const std::string& replicas) {
    return tight_consumers(account, "S",
                           parse_stream_use(R"({"config":{"num_replicas":)" + replicas
                                            + R"(},"state":{"consumer_count":2}})"));
  };
  CAF_CHECK(of_stream("1").starts_with("the stream S has 2 of 2 consumers that the account "));
  CAF_CHECK_EQUAL(of_stream("3"), "");
  CAF_CHECK_EQUAL(tight_consumers(account, "S", parse_stream_use(R"({"error":{}})")), "");
}

CAF_TEST(fields of another type than they should be count as left out) {
  const auto stream = parse_stream_state(R"({"config":{"max_age":"5s"},"created":7,"state":[1]})");
  CAF_CHECK(stream.exists && !stream.limited);
  CAF_CHECK_EQUAL(stream.messages + stream.last_seq, 0u);
  CAF_CHECK_EQUAL(stream.created_at_ns, 0);
  const auto page = parse_consumer_page(R"({"total":"2","consumers":["a",1,null,"b"]})");
  CAF_CHECK_EQUAL(page.total, 0u);
  CAF_CHECK_EQUAL(page.names.size(), 2u);
  CAF_CHECK(parse_consumer_page(R"({"consumers":{"a":1}})").names.empty());
  CAF_CHECK_EQUAL(parse_consumer_state(R"({"config":"none","ack_floor":3})").ack_floor, 0u);
  CAF_CHECK(parse_stored_message(R"({"message":{"data":5,"hdrs":[]}})").payload.empty());
}

CAF_TEST(a consumer and a message are read from their answers) {
  const auto consumer = parse_consumer_state(
      R"({"config":{"ack_wait":30000000000,"max_deliver":3},"created":"1970-01-01T00:00:01Z",)"
      R"("delivered":{"stream_seq":2},"ack_floor":{"stream_seq":1},"num_ack_pending":4,)"
      R"("num_pending":5,"num_redelivered":6})");
  CAF_CHECK_EQUAL(consumer.ack_wait.count(), 30000);
  CAF_CHECK_EQUAL(consumer.max_deliver, 3u);
  CAF_CHECK_EQUAL(consumer.delivered, 2u);
  CAF_CHECK_EQUAL(consumer.ack_floor, 1u);
  CAF_CHECK_EQUAL(consumer.ack_pending, 4u);
  CAF_CHECK_EQUAL(consumer.pending, 5u);
  CAF_CHECK_EQUAL(consumer.redelivered, 6u);
  const auto message = parse_stored_message(
      R"({"message":{"subject":"a.b","seq":3,"data":"e30=","hdrs":"TkFUUy8xLjANCmE6IGINCg0K",)"
      R"("time":"1970-01-01T00:00:01Z"}})");
  CAF_CHECK_EQUAL(message.seq, 3u);
  CAF_CHECK_EQUAL(message.subject, "a.b");
  CAF_CHECK_EQUAL(message.payload, "{}");
  CAF_REQUIRE_EQUAL(message.headers.size(), 1u);
  CAF_CHECK_EQUAL(message.headers.front().name, "a");
  CAF_CHECK_EQUAL(message.headers.front().value, "b");
}
