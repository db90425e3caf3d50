// Messages as no library writes them: what their headers say, and what they must not be taken for.
#include <algorithm>

#include "messaging/codec.hpp"
#include "messaging/recovery_source.hpp"
#include "tests/messaging/nats/broker_fixture.hpp"
#include "tests/messaging/nats/raw_client.hpp"

#define CAF_SUITE broker_headers
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::string_view_literals;

namespace {

std::string text_of(const std::vector<header>& headers) {
  std::string result;
  for (const auto& one : headers)
    result.append(one.name).append("=").append(one.value).append(";");
  return result;
}

std::string many(std::string_view name, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i)
    result.append(name).append(std::to_string(i)).append(": x\r\n");
  return result;
}

// What a server says to whoever asks, here in stored messages.
constexpr std::array statuses{"100", "404", "408", "409", "503"};

struct fixture : broker_fixture {
  raw_client raw{servers().nats_url()};
  bell rings;

  fixture() { CAF_REQUIRE(bus->provision({}).empty()); }

  std::unique_ptr<question_desk> open_desk() {
    auto desk = bus->make_desk({std::string(names::api_submit)});
    desk->open(rings.ringer());
    // It is there once a first question has come.
    CAF_REQUIRE(eventually([&] {
      raw.publish(names::api_submit, "_INBOX.x", "NATS/1.0\r\n\r\n", "first");
      return !desk->take(100).empty();
    }));
    // Those that went before it have come when the last one has.
    raw.publish(names::api_submit, "_INBOX.x", "NATS/1.0\r\n\r\n", "last");
    CAF_REQUIRE(eventually([&] {
      const auto came = desk->take(100);
      return !came.empty() && came.back().payload == "last";
    }));
    return desk;
  }

  api_question ask_desk(question_desk& desk, std::string_view block) {
    raw.publish(names::api_submit, "_INBOX.x", block, "{}");
    std::vector<api_question> came;
    CAF_REQUIRE(eventually([&] { return !(came = desk.take(100)).empty(); }));
    CAF_REQUIRE_EQUAL(came.size(), 1u);
    return came[0];
  }

  void store(std::string_view subject, std::string_view block, std::string_view payload,
             std::string_view stream) {
    const auto before = bus->stream(stream).messages;
    raw.publish(subject, {}, block, payload);
    CAF_REQUIRE(eventually([&] { return bus->stream(stream).messages == before + 1; }));
  }

  std::vector<stored_message> read_all(std::string_view stream) {
    std::vector<stored_message> result;
    bus->read(stream, {}, 1, [&](const stored_message& one) {
      result.push_back(one);
      return true;
    });
    return result;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(header_tests, fixture)

CAF_TEST(a question keeps its key whatever stands around it) {
  const auto desk = open_desk();
  const auto headers = [&](std::string_view block) {
    const auto one = ask_desk(*desk, block);
    CAF_CHECK(!one.too_large);
    CAF_CHECK_EQUAL(one.payload, "{}");
    return text_of(one.headers);
  };
  CAF_CHECK_EQUAL(headers("NATS/1.0\r\ntracestate:\r\nIdempotency-Key: k\r\n\r\n"),
                  "tracestate=;Idempotency-Key=k;");
  CAF_CHECK_EQUAL(headers("NATS/1.0\r\nIdempotency-Key: k\r\ntracestate: \r\n\r\n"),
                  "Idempotency-Key=k;tracestate=;");
  CAF_CHECK_EQUAL(headers("NATS/1.0\r\nIdempotency-Key:\r\n\r\n"), "Idempotency-Key=;");
  CAF_CHECK_EQUAL(headers("NATS/1.0 503\r\nIdempotency-Key: k\r\n\r\n"), "Idempotency-Key=k;");
}

CAF_TEST(a question whose headers can be read in two ways is refused) {
  const auto desk = open_desk();
  const auto inbox = side->make_inbox();
  const auto answers = std::make_shared<payloads>();
  side->subscribe(inbox, answers);
  std::size_t count = 0;
  for (const auto block :
       {"NATS/1.0\r\nIdempotency-Key k\r\n\r\n"sv, "NATS/1.0\r\nA: b\nIdempotency-Key: k\r\n\r\n"sv,
        "NATS/1.0\r\nA: b\r\n Idempotency-Key: k\r\n\r\n"sv,
        "NATS/1.0\r\nA: b\r\n\r\nIdempotency-Key: k\r\n\r\n"sv,
        "NATS/1.0\r\nIdempotency-Key: k\0\r\n\r\n"sv, "NATS/1.0\r\nIdempotency-Key: k"sv,
        "Idempotency-Key: k\r\n\r\n"sv}) {
    raw.publish(names::api_submit, inbox, block, "{}");
    ++count;
    CAF_REQUIRE(eventually([&] {
      CAF_CHECK(desk->take(100).empty());
      return answers->came().size() == count;
    }));
    CAF_CHECK(answers->came().back().find(R"("code":"MALFORMED_REQUEST")") != std::string::npos);
  }
}

CAF_TEST(a question with too many headers is too large) {
  const auto desk = open_desk();
  const auto ask_with = [&](const std::string& lines) {
    return ask_desk(*desk, "NATS/1.0\r\n" + lines + "Idempotency-Key: k\r\n\r\n");
  };
  CAF_CHECK_EQUAL(ask_with(many("X-", 63)).headers.size(), 64u);
  for (const auto count : {64u, 256u, 600u, 6000u}) {
    const auto one = ask_with(many("X-", count));
    CAF_CHECK(one.too_large);
    CAF_CHECK(one.payload.empty() && one.headers.empty());
  }
  CAF_CHECK(!ask_with("X: " + std::string(8000, 'x') + "\r\n").too_large);
  CAF_CHECK(ask_with("X: " + std::string(8192, 'x') + "\r\n").too_large);
}

CAF_TEST(a request keeps its headers) {
  store("transaction.deposit", "NATS/1.0\r\nA: 1\r\nB:\r\nNats-Msg-Id: m\r\nC: 3\r\nD: \r\n\r\n",
        "x", names::request_stream);
  fetcher fetch(deposits(), 10);
  std::vector<delivery> got;
  CAF_REQUIRE(eventually([&] { return !(got = fetch.turn()).empty(); }));
  CAF_CHECK_EQUAL(text_of(got[0].headers), "A=1;B=;C=3;D=;");
  fetch.done(got[0]);
}

CAF_TEST(a letter is read with all that it says) {
  const auto block = "NATS/1.0\r\n" + many("X-", 6000) + "Traceparent: t\r\nEmpty:\r\n\r\n";
  store("transaction.deposit", block, "{", names::request_stream);
  fetcher fetch(deposits(), 10);
  std::vector<delivery> got;
  CAF_REQUIRE(eventually([&] { return !(got = fetch.turn()).empty(); }));
  fetch.done(got[0]);
  auto letter = make_dead_letter(1, std::move(got[0]), {dead_reason::malformed_json, "bad"}, "n",
                                 bus->message_bytes_max());
  letter.headers.push_back({"Blank", " \t"}); // what became of one that was not
  bool given = false;
  bus->publish_all(
      [&] { return std::exchange(given, true) ? std::nullopt : std::optional(letter); }, 1, nullptr,
      10s);
  const auto stored = read_all(names::dead_letter_stream);
  CAF_REQUIRE_EQUAL(stored.size(), 1u);
  const auto by_number = bus->message(names::dead_letter_stream, 1);
  CAF_REQUIRE(by_number);
  for (const auto* one : {&stored[0], &*by_number}) {
    CAF_CHECK_EQUAL(one->payload, "{");
    const auto value_of = [&](std::string_view name) {
      const auto at = std::ranges::find(one->headers, name, &header::name);
      return at == one->headers.end() ? "none" : at->value;
    };
    CAF_CHECK_EQUAL(value_of("Ledgerd-Reason"), "MALFORMED_JSON");
    CAF_CHECK_EQUAL(value_of("Ledgerd-Node"), "n");
    CAF_CHECK_EQUAL(value_of("Ledgerd-Truncated"), "1");
    CAF_CHECK(value_of("Nats-Msg-Id").starts_with("dead-TRANSACTIONS-"));
    CAF_CHECK_EQUAL(value_of("X-0"), "x");
    CAF_CHECK_EQUAL(value_of("Blank"), "none");
    CAF_CHECK_LESS(one->headers.size(), 256u);
    for (const auto& each : one->headers)
      CAF_CHECK(!each.value.empty());
  }
}

CAF_TEST(a stored message is no word of the server) {
  std::size_t count = 0;
  for (const auto* status : statuses)
    for (const auto* payload : {"", "x"}) {
      store("transaction.dead.deposit",
            std::string("NATS/1.0 ").append(status).append(" So\r\nA: b\r\n\r\n"), payload,
            names::dead_letter_stream);
      store("transaction.dead.deposit", std::string("NATS/1.0 ").append(status).append("\r\n\r\n"),
            payload, names::dead_letter_stream);
      count += 2;
    }
  const auto begin = steady::now();
  const auto all = read_all(names::dead_letter_stream);
  CAF_CHECK_LESS(steady::now() - begin, 5s);
  CAF_REQUIRE_EQUAL(all.size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    CAF_CHECK_EQUAL(all[i].seq, i + 1);
    CAF_CHECK_EQUAL(text_of(all[i].headers), i % 2 == 0 ? "A=b;" : "");
    const auto same = bus->message(names::dead_letter_stream, i + 1);
    CAF_REQUIRE(same);
    CAF_CHECK_EQUAL(same->payload, all[i].payload);
    CAF_CHECK(same->headers == all[i].headers);
  }
}

CAF_TEST(a request is no word of the server) {
  for (const auto* status : statuses)
    for (const auto* payload : {"", "x"})
      store("transaction.deposit", std::string("NATS/1.0 ").append(status).append("\r\n\r\n"),
            payload, names::request_stream);
  fetcher fetch(deposits(), 100);
  std::size_t count = 0;
  CAF_CHECK(eventually([&] {
    for (const auto& one : fetch.turn()) {
      CAF_CHECK(one.headers.empty());
      fetch.done(one);
      ++count;
    }
    return count == 10;
  }));
}

CAF_TEST(an announcement that is none does not stop the recovery) {
  const auto subject = std::string{names::exhausted_prefix}.append("deposit-consumer");
  bus->delete_stream(names::exhausted_stream);
  CAF_REQUIRE(bus->provision({}).empty());
  for (const auto* status : statuses)
    for (const auto* payload : {"", "x"})
      store(subject, std::string("NATS/1.0 ").append(status).append("\r\n\r\n"), payload,
            names::exhausted_stream);
  std::atomic<std::size_t> failed = 0;
  const auto source = make_recovery_source(
      *bus, names::request_stream, "deposit-consumer", "transaction.deposit", 50ms,
      [&](std::size_t rounds, const std::string&) { failed = std::max(failed.load(), rounds); });
  source->open(rings.ringer());
  source->pull({10});
  CAF_CHECK(eventually([&] { return bus->stream(names::exhausted_stream).messages == 0; }));
  CAF_CHECK_EQUAL(failed.load(), 0u);
}

CAF_TEST_FIXTURE_SCOPE_END()
