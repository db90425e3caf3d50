#include <nats/nats.h>

#include <atomic>
#include <string>
#include <thread>

#include "messaging/nats/incoming.hpp"
#include "messaging/nats/pull_arrivals.hpp"
#include "messaging/nats/server_urls.hpp"
#include "messaging/nats/subject_match.hpp"

#define CAF_SUITE broker_incoming
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(the short form of a receipt) {
  const auto facts =
      parse_receipt("$JS.ACK.TRANSACTIONS.deposit-consumer.3.17.21.1700000000123456789.42");
  CAF_REQUIRE(facts);
  CAF_CHECK_EQUAL(facts->stream, "TRANSACTIONS");
  CAF_CHECK_EQUAL(facts->consumer, "deposit-consumer");
  CAF_CHECK_EQUAL(facts->deliveries, 3u);
  CAF_CHECK_EQUAL(facts->stream_seq, 17u);
  CAF_CHECK_EQUAL(facts->consumer_seq, 21u);
  CAF_CHECK_EQUAL(facts->stored_at_ns, 1700000000123456789);
  CAF_CHECK_EQUAL(facts->pending, 42u);
}

CAF_TEST(the long forms of a receipt) {
  for (const auto* subject :
       {"$JS.ACK.hub.ACCHASH.S.c.1.2.3.4.5", "$JS.ACK._.ACCHASH.S.c.1.2.3.4.5.token"}) {
    const auto facts = parse_receipt(subject);
    CAF_REQUIRE(facts);
    CAF_CHECK_EQUAL(facts->stream, "S");
    CAF_CHECK_EQUAL(facts->consumer, "c");
    CAF_CHECK_EQUAL(facts->stream_seq, 2u);
    CAF_CHECK_EQUAL(facts->pending, 5u);
  }
}

CAF_TEST(hostile receipts) {
  for (const auto* subject : {
           "",
           ".",
           "$JS",
           "$JS.ACK",
           "$JS.ACK.........",
           "$JS.ACK.S.c.1.2.3.4",
           "$JS.ACK.S.c.1.2.3.4.5.6",
           "$JS.ACK.S.c.0.2.3.4.5",
           "$JS.ACK.S.c.1.0.3.4.5",
           "$JS.ACK.S.c.1.2.0.4.5",
           "$JS.ACK.S.c.-1.2.3.4.5",
           "$JS.ACK.S.c.+1.2.3.4.5",
           "$JS.ACK.S.c. 1.2.3.4.5",
           "$JS.ACK.S.c.1.2x.3.4.5",
           "$JS.ACK.S.c.1.18446744073709551616.3.4.5",
           "$JS.ACK.S.c.1.2.3.4.",
           "$JS.ACK.S..1.2.3.4.5",
           "$JS.NAK.S.c.1.2.3.4.5",
           "JS.ACK.S.c.1.2.3.4.5",
           "$JS.ACK.d.h.S.c.1.2.3.4.5.t.more",
           "$JS.ACK.d.h.S.c.1.2.3.4.5.t.more.and.more.and.more.and.more",
       })
    if (parse_receipt(subject))
      CAF_ERROR(subject);
  CAF_CHECK(!parse_receipt(std::string(1 << 20, '.')));
  CAF_CHECK(!parse_receipt(std::string(1 << 20, 'x')));
}

CAF_TEST(numbers) {
  CAF_CHECK_EQUAL(parse_number("0").value_or(1), 0u);
  CAF_CHECK_EQUAL(parse_number("18446744073709551615").value_or(1), ~std::uint64_t{0});
  for (const auto* text : {"", " ", "1 ", " 1", "-1", "+1", "0x1", "1.0", "18446744073709551616"})
    if (parse_number(text))
      CAF_ERROR(text);
}

CAF_TEST(answers that say stored) {
  for (const auto* json : {
           R"({"stream":"S", "seq":1})",
           R"({"stream":"S","seq":18446744073709551615})",
           R"({"stream":"S","seq":7,"duplicate": true})",
           R"({"stream":"S","domain":"hub","seq":7})",
           R"( {"seq":7,"stream":"S"} )",
           R"({"stream":"with \" quote","seq":7})",
       })
    if (parse_publish_answer(json).outcome != publish_outcome::confirmed)
      CAF_ERROR(json);
}

CAF_TEST(an answer names its stream) {
  constexpr std::string_view known[] = {"REQUESTS", "RESULTS"};
  for (const auto* json : {
           R"({"stream":"RESULTS", "seq":1})",
           R"({"stream":"RESULTS","seq":1,"duplicate":true})",
           R"({"stream":"RESULTS","domain":"hub","seq":7})",
       }) {
    const auto answer = parse_publish_answer(json, known);
    CAF_CHECK_EQUAL(answer.stream_name(), "RESULTS");
  }
  const auto usual = parse_publish_answer(R"({"stream":"RESULTS","seq":1})", known);
  CAF_CHECK_EQUAL(static_cast<const void*>(usual.known_stream.data()),
                  static_cast<const void*>(known[1].data())); // nothing was copied
  for (const auto* json :
       {R"({"stream":"OTHER","seq":1})", R"({"stream":"OTHER","domain":"hub","seq":1})"}) {
    const auto answer = parse_publish_answer(json, known);
    CAF_CHECK_EQUAL(answer.stream_name(), "OTHER");
  }
  CAF_CHECK(parse_publish_answer(R"({"stream":"","seq":1})").outcome
            == publish_outcome::unconfirmed);
}

CAF_TEST(a duplicate names the message that is there) {
  const auto seq = [](std::string_view json) { return parse_publish_answer(json).known_seq; };
  CAF_CHECK_EQUAL(seq(R"({"stream":"S","seq":7,"duplicate": true})"), 7u);
  CAF_CHECK_EQUAL(seq(R"({"stream":"S","seq":7,"duplicate": false})"), 0u);
  CAF_CHECK_EQUAL(seq(R"({"stream":"S","seq":7,"duplicate": 1})"), 0u);
  CAF_CHECK_EQUAL(seq(R"({"stream":"S","seq":7})"), 0u);
  CAF_CHECK_EQUAL(seq(R"({"stream":"S", "seq":7, "domain":"hub"})"), 0u);
}

CAF_TEST(the payload of a message that is read) {
  CAF_CHECK_EQUAL(parse_known_payload(R"({"message":{"subject":"s","seq":7,"data":"eA=="}})"), "x");
  CAF_CHECK_EQUAL(parse_known_payload(R"({"error":{"code":404,"description":"no message found"}})"),
                  "");
  CAF_CHECK_EQUAL(parse_known_payload(R"({"config":{"max_msg_size":5}})"), "");
  CAF_CHECK_EQUAL(parse_known_payload(R"({"message")"), "");
  CAF_CHECK_EQUAL(parse_known_payload(""), "");
}

CAF_TEST(answers that do not say stored) {
  for (const auto* json : {
           "",
           "+OK",
           "{}",
           "[]",
           "null",
           R"({"stream":"S"})",
           R"({"stream":"S", "seq":0})",
           R"({"stream":"S", "seq":-1})",
           R"({"stream":"S", "seq":1)",
           R"({"stream":"S", "seq":1}})",
           R"({"stream":"S", "seq":1e3})",
           R"({"stream":"S", "seq":"1"})",
           R"({"stream":"S\", "seq":1})",
           R"({"stream":1, "seq":1})",
           R"({"error":{"code":503},"stream":"S","seq":1})",
           R"({"error":"text","stream":"S","seq":1})",
       }) {
    const auto answer = parse_publish_answer(json);
    if (answer.outcome == publish_outcome::confirmed)
      CAF_ERROR(json);
    if (answer.error.empty())
      CAF_ERROR(json);
  }
  const auto full = parse_publish_answer(
      R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"S","seq":0})");
  CAF_CHECK(full.outcome == publish_outcome::declined);
  CAF_CHECK_EQUAL(full.error, "maximum bytes exceeded (stream S)");
  CAF_CHECK_EQUAL(parse_publish_answer(R"({"stream":"S"})").error,
                  R"(an answer that is not a PubAck: {"stream":"S"})");
}

CAF_TEST(a stream that knows an id and not where its message is does not confirm it) {
  const auto lost = parse_publish_answer(R"({"stream":"S","seq":0,"duplicate": true})");
  CAF_CHECK(lost.outcome == publish_outcome::mislaid);
  CAF_CHECK_EQUAL(lost.stream, "S");
  CAF_CHECK_EQUAL(lost.error,
                  "the stream S knows the message's id, and no message of it (duplicate, seq 0)");
  CAF_CHECK(parse_publish_answer(R"({"stream":"S","seq":0})").outcome
            == publish_outcome::unconfirmed);
  CAF_CHECK(parse_publish_answer(R"({"stream":"S","seq":7,"duplicate":true})").outcome
            == publish_outcome::confirmed);
}

CAF_TEST(a refusal of this message is told from one of the world) {
  struct row {
    int code;
    publish_outcome outcome;
  };
  for (const auto& [code, outcome] : {
           row{10054, publish_outcome::too_large}, // message size exceeds maximum allowed
           row{10097, publish_outcome::too_large}, // header size exceeds maximum allowed
           row{10077, publish_outcome::declined},  // the stream is full
           row{10047, publish_outcome::declined},  // insufficient storage
           row{10023, publish_outcome::declined},  // insufficient resources
           row{10109, publish_outcome::declined},  // the stream is sealed
           row{10008, publish_outcome::declined},  // no leader at present
           row{10158, publish_outcome::mislaid},   // another one of this id is being stored
       }) {
    const auto answer =
        parse_publish_answer(R"({"error":{"code":400,"err_code":)" + std::to_string(code)
                             + R"(,"description":"x"},"stream":"S","seq":0})");
    CAF_CHECK(answer.outcome == outcome);
    CAF_CHECK_EQUAL(answer.stream, "S");
  }
}

CAF_TEST(the largest message of a stream) {
  CAF_CHECK(parse_message_limit(R"({"config":{"max_msg_size":1000}})") == std::optional{1000U});
  for (const auto* json : {"", "[]", "{}", R"({"config":1})", R"({"config":{}})",
                           R"({"config":{"max_msg_size":-1}})", R"({"config":{"max_msg_size":0}})",
                           R"({"config":{"max_msg_size":"1"}})", R"({"error":{"code":404}})"})
    CAF_CHECK(!parse_message_limit(json));
}

CAF_TEST(subjects and patterns) {
  CAF_CHECK(subject_matches("transaction.deposit", "transaction.deposit"));
  CAF_CHECK(subject_matches("transaction.*", "transaction.deposit"));
  CAF_CHECK(subject_matches("transaction.>", "transaction.result.deposit"));
  CAF_CHECK(subject_matches(">", "transaction.deposit"));
  CAF_CHECK(!subject_matches("transaction.*", "transaction.result.deposit"));
  CAF_CHECK(!subject_matches("transaction.deposit.>", "transaction.deposit"));
  CAF_CHECK(!subject_matches("transaction", "transaction.deposit"));
  CAF_CHECK(!subject_matches("transaction.deposits", "transaction.deposit"));
  CAF_CHECK(!subject_matches("", "transaction.deposit"));
}

CAF_TEST(secrets do not appear in texts) {
  CAF_CHECK_EQUAL(
      redact("cannot connect to nats://alice:s3cret@host:4222", "nats://alice:s3cret@host:4222"),
      "cannot connect to nats://***@host:4222");
  CAF_CHECK_EQUAL(
      redact("token t0ken is wrong, s3cret too", "nats://t0ken@a:1, nats://u:s3cret@b:2"),
      "token *** is wrong, *** too");
  CAF_CHECK_EQUAL(redact("nats://host:4222", "nats://host:4222"), "nats://host:4222");
}

// The statuses of nats-server 2.9 to 2.15. After an ordinary end the next request goes out at once;
// after any other there is a pause, and the life of the stream is asked for.
CAF_TEST(which statuses end a request in the ordinary way) {
  const std::pair<int, const char*> ordinary[] = {{404, "404 No Messages"},
                                                  {408, "408 Request Timeout"},
                                                  {408, "408 Interest Expired"},
                                                  {409, "409 Message Size Exceeds MaxBytes"},
                                                  {409, "409 Batch Completed"}};
  for (const auto& [code, text] : ordinary)
    CAF_CHECK_EQUAL(std::string(notice{.code = code, .text = text}.is_ordinary_end() ? text : ""),
                    text);
  const std::pair<int, const char*> others[] = {{400, "400 Bad Request"},
                                                {409, "409 Consumer Deleted"},
                                                {409, "409 Leadership Change"},
                                                {409, "409 Exceeded MaxWaiting"},
                                                {409, "409 Consumer is push based"},
                                                {423, "423 Nats-Wrong-Pin-Id"},
                                                {503, "503 "}};
  for (const auto& [code, text] : others)
    CAF_CHECK_EQUAL(std::string(notice{.code = code, .text = text}.is_ordinary_end() ? "" : text),
                    text);
}

// What is on the way to the old inbox is still delivered when the first message comes to the new
// one. The thread sanitizer sees what is not guarded (./dev tsan).
CAF_TEST(an old inbox and a new one deliver at the same time) {
  constexpr std::uint64_t each = 2000;
  CAF_REQUIRE(nats_Open(-1) == NATS_OK); // messages are freed by a thread of the library
  arrivals come("S", "c", std::make_shared<life_answers>());
  std::atomic<int> ready = 0;
  const auto deliver = [&](std::uint64_t first) {
    for (++ready; ready < 2;)
      std::this_thread::yield();
    for (auto seq = first; seq < first + each; ++seq) {
      const auto number = std::to_string(seq);
      const auto receipt = "$JS.ACK.S.c.1." + number + "." + number + ".1700000000000000000.0";
      natsMsg* raw = nullptr;
      natsMsg_Create(&raw, "transaction.deposit", receipt.c_str(), "x", 1);
      come.receive(raw);
      natsMsg_Destroy(raw);
    }
  };
  std::thread old_inbox(deliver, 1);
  std::thread new_inbox(deliver, each + 1);
  old_inbox.join();
  new_inbox.join();
  CAF_CHECK_EQUAL(come.look().count.arrived.messages, 2 * each);
  CAF_CHECK_EQUAL(come.take().size(), 2 * each);
  nats_Close();
}
