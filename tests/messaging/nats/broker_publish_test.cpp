#include <atomic>
#include <map>

#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_publish
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct fixture : broker_fixture {
  fixture() : pub(bus->make_publisher()) {
    CAF_REQUIRE(bus->provision({}).empty());
    pub->open(confirmed.ringer());
  }

  static outgoing result(std::uint64_t token, std::string subject = "transaction.result.deposit") {
    return {.token = token,
            .subject = std::move(subject),
            .message_id = "result-" + std::to_string(token),
            .payload = "payload " + std::to_string(token)};
  }

  // The confirmations of `count` messages, by token.
  std::map<std::uint64_t, confirmation> answers(std::size_t count,
                                                std::chrono::milliseconds within = 10s) {
    std::map<std::uint64_t, confirmation> by_token;
    eventually(
        [&] {
          confirmed.wait(50ms);
          for (auto& one : pub->take()) {
            CAF_CHECK_EQUAL(by_token.count(one.token), 0u);
            by_token.emplace(one.token, one);
          }
          return by_token.size() >= count;
        },
        within);
    return by_token;
  }

  bell confirmed;
  std::unique_ptr<publisher> pub;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(publish_tests, fixture)

CAF_TEST(every message is confirmed once and stored as it was) {
  for (std::uint64_t i = 1; i <= 3000; ++i)
    pub->publish(result(i));
  const auto by_token = answers(3000);
  CAF_CHECK_EQUAL(by_token.size(), 3000u);
  for (const auto& [token, one] : by_token)
    CAF_CHECK(one.confirmed());
  CAF_CHECK_EQUAL(bus->stream(names::result_stream).messages, 3000u);
  const auto stored = bus->message(names::result_stream, 17);
  CAF_REQUIRE(stored);
  CAF_CHECK_EQUAL(stored->seq, 17u);
  CAF_CHECK_EQUAL(stored->subject, "transaction.result.deposit");
  CAF_CHECK_EQUAL(stored->payload, "payload 17");
  CAF_REQUIRE_EQUAL(stored->headers.size(), 1u);
  CAF_CHECK_EQUAL(stored->headers[0].value, "result-17");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto age = std::chrono::nanoseconds(now).count() - stored->stored_at_ns;
  CAF_CHECK_LESS(std::abs(age), 60'000'000'000);
  CAF_CHECK(!bus->message(names::result_stream, 3001));
  CAF_CHECK_LESS(confirmed.rings(), 3000u);
}

CAF_TEST(a duplicate is confirmed and not stored again) {
  pub->publish(result(1));
  CAF_CHECK(answers(1)[1].confirmed());
  pub->publish(result(1));
  CAF_CHECK(answers(1)[1].confirmed());
  CAF_CHECK_EQUAL(bus->stream(names::result_stream).messages, 1u);
}

CAF_TEST(what a stream has instead of something new is read) {
  const auto publish = [&](std::uint64_t token, std::string payload, std::int64_t row) {
    auto one = result(token);
    one.message_id = "result-1";
    one.payload = std::move(payload);
    one.new_row = row;
    one.stream = names::result_stream;
    pub->publish(one);
    auto got = answers(1)[token];
    CAF_CHECK(got.confirmed());
    return got.known;
  };
  CAF_CHECK_EQUAL(publish(1, "old", 1), "");
  CAF_CHECK_EQUAL(publish(2, "new", 2), "old");
  CAF_CHECK_EQUAL(publish(3, "new", 0), "");
  // What cannot be read any more counts as what was published.
  bus->delete_message(names::result_stream, 1);
  CAF_CHECK_EQUAL(publish(4, "new", 2), "");
}

CAF_TEST(a subject without stream is not confirmed) {
  pub->publish(result(1, "nobody.listens"));
  auto answer = answers(1);
  CAF_REQUIRE_EQUAL(answer.size(), 1u);
  CAF_CHECK(!answer[1].confirmed());
  CAF_CHECK(answer[1].error.find("no stream") != std::string::npos);
}

CAF_TEST(a full stream does not confirm and says so) {
  bus->delete_stream(names::result_stream);
  CAF_REQUIRE_EQUAL(
      ask("STREAM.CREATE.TRANSACTION_RESULTS",
          R"({"name":"TRANSACTION_RESULTS","subjects":["transaction.result.>"],)"
          R"("storage":"file","retention":"limits","discard":"new","max_bytes":2000})"),
      "");
  for (std::uint64_t i = 1; i <= 100; ++i)
    pub->publish(result(i));
  auto by_token = answers(100);
  CAF_REQUIRE_EQUAL(by_token.size(), 100u);
  CAF_CHECK(by_token[1].confirmed());
  CAF_CHECK(!by_token[100].confirmed());
  CAF_CHECK_EQUAL(by_token[100].error, "maximum bytes exceeded (stream TRANSACTION_RESULTS)");
}

CAF_TEST(what another stream stores is not confirmed) {
  bus->delete_stream(names::result_stream);
  CAF_REQUIRE_EQUAL(
      ask("STREAM.CREATE.OTHER", R"({"name":"OTHER","subjects":["transaction.result.>"]})"), "");
  auto expected = result(1);
  expected.stream = names::result_stream;
  pub->publish(expected);
  auto again = expected; // a duplicate is answered in other words
  again.token = 2;
  pub->publish(again);
  pub->publish(result(3)); // to whichever stream there is
  auto by_token = answers(3);
  bus->delete_stream("OTHER");
  CAF_REQUIRE_EQUAL(by_token.size(), 3u);
  for (const auto token : {1u, 2u}) {
    CAF_CHECK(by_token[token].outcome == publish_outcome::unconfirmed);
    CAF_CHECK_EQUAL(by_token[token].error,
                    "confirmed by the stream OTHER, not by TRANSACTION_RESULTS");
  }
  CAF_CHECK(by_token[3].confirmed());
}

CAF_TEST(the right stream is heard behind another one) {
  class other final : public message_sink {
  public:
    explicit other(session& through) : through_(through) {}
    void receive(nats_message* message) override {
      through_.publish(std::string(reply_of(message)), "", R"({"stream":"OTHER", "seq":1})");
      ++told;
    }

    std::atomic<int> told = 0;

  private:
    session& through_;
  };
  const auto sink = std::make_shared<other>(*side);
  side->subscribe("transaction.result.deposit", sink);
  CAF_REQUIRE_EQUAL(ask("INFO"), ""); // the subscription is known by now
  for (std::uint64_t i = 1; i <= 20; ++i) {
    auto message = result(i);
    message.stream = names::result_stream;
    pub->publish(message);
  }
  const auto by_token = answers(20);
  CAF_CHECK_EQUAL(by_token.size(), 20u);
  for (const auto& [token, one] : by_token)
    CAF_CHECK_EQUAL(one.error, "");
  CAF_CHECK(eventually([&] { return sink->told == 20; })); // it uses a session that is about to go
}

CAF_TEST(a message over the limit is refused here) {
  auto message = result(1);
  message.payload.assign(bus->message_bytes_max() + 1, 'x');
  pub->publish(message);
  auto answer = answers(1);
  CAF_REQUIRE_EQUAL(answer.size(), 1u);
  CAF_CHECK(!answer[1].confirmed());
  CAF_CHECK(!answer[1].error.empty());
}

CAF_TEST(a missing answer is reported after the deadline) {
  // Somebody listens who never answers.
  class deaf final : public message_sink {
  public:
    void receive(nats_message*) override {}
  };
  side->subscribe("deaf.subject", std::make_shared<deaf>());
  CAF_REQUIRE_EQUAL(ask("INFO"), ""); // the subscription is known by now
  const auto begin = steady::now();
  pub->publish(result(1, "deaf.subject"));
  pub->publish(result(2));
  auto by_token = answers(2);
  CAF_REQUIRE_EQUAL(by_token.size(), 2u);
  CAF_CHECK(!by_token[1].confirmed());
  CAF_CHECK(by_token[1].error.find("PubAck") != std::string::npos);
  CAF_CHECK(by_token[2].confirmed());
  CAF_CHECK_GREATER_OR_EQUAL(steady::now() - begin, 5s);
}

CAF_TEST(publishing all reports progress and gives up without any) {
  std::uint64_t last = 0;
  std::uint64_t next = 0;
  bus->publish_all(
      [&]() -> std::optional<outgoing> {
        if (next == 5000)
          return std::nullopt;
        return result(++next);
      },
      500,
      [&](std::uint64_t confirmed_count) {
        CAF_CHECK_LESS(last, confirmed_count);
        last = confirmed_count;
      },
      5s);
  CAF_CHECK_EQUAL(last, 5000u);
  CAF_CHECK_EQUAL(bus->stream(names::result_stream).messages, 5000u);
  bool given = false;
  std::string error;
  try {
    bus->publish_all(
        [&]() -> std::optional<outgoing> {
          if (std::exchange(given, true))
            return std::nullopt;
          return result(1, "nobody.listens");
        },
        1, nullptr, 500ms);
  } catch (const std::runtime_error& why) {
    error = why.what();
  }
  CAF_CHECK(error.find("no stream") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()
