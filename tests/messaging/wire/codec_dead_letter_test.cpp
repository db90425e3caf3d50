#include <algorithm>
#include <string>
#include <vector>

#include "messaging/codec.hpp"

#define CAF_SUITE codec_dead_letter
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

delivery sample() {
  return {.subject = "transaction.deposit",
          .payload = "{not json",
          .headers = {{"traceparent", "00-1-2-01"}, {"X-Source", "a"}},
          .receipt = "$JS.ACK.x",
          .stream = "TRANSACTIONS",
          .stream_seq = 42,
          .deliveries = 3,
          .stored_at_ns = 1'795'505'572'000'000'042,
          .incarnation = 1'795'505'500'000'000'001};
}

outgoing bury(const delivery& source, std::string detail = "the payload is no JSON",
              std::size_t limit = 1 << 20) {
  return make_dead_letter(9, delivery{source}, {dead_reason::malformed_json, std::move(detail)},
                          "node-a", limit);
}

std::vector<std::string> lines(const outgoing& message) {
  std::vector<std::string> result;
  for (const auto& h : message.headers)
    result.push_back(h.name + ": " + h.value);
  return result;
}

std::string value_of(const outgoing& message, std::string_view name) {
  std::string result = "none";
  for (const auto& h : message.headers)
    if (h.name == name)
      result = result == "none" ? h.value : "several";
  return result;
}

// The size the server counts: the header block as it stands on the wire, and the payload.
std::size_t wire_size(const outgoing& message) {
  std::string block = "NATS/1.0\r\nNats-Msg-Id: " + message.message_id + "\r\n";
  for (const auto& line : lines(message))
    block += line + "\r\n";
  return (block + "\r\n").size() + message.payload.size();
}

} // namespace

CAF_TEST(a_dead_letter_keeps_payload_headers_and_reason) {
  const auto message = bury(sample());
  CAF_CHECK_EQUAL(message.token, 9u);
  CAF_CHECK_EQUAL(message.subject, "transaction.dead.deposit");
  CAF_CHECK_EQUAL(message.message_id, "dead-TRANSACTIONS-1795505500000000001-42");
  CAF_CHECK_EQUAL(message.payload, "{not json");
  const std::vector<std::string> expected{"Ledgerd-Reason: MALFORMED_JSON",
                                          "Ledgerd-Detail: the payload is no JSON",
                                          "Ledgerd-Stream: TRANSACTIONS",
                                          "Ledgerd-Sequence: 42",
                                          "Ledgerd-Subject: transaction.deposit",
                                          "Ledgerd-Deliveries: 3",
                                          "Ledgerd-Node: node-a",
                                          "Ledgerd-Incarnation: 1795505500000000001",
                                          "traceparent: 00-1-2-01",
                                          "X-Source: a"};
  CAF_CHECK_EQUAL(lines(message), expected);
}

CAF_TEST(a_sequence_names_a_message_only_within_one_life_of_its_stream) {
  auto source = sample();
  const auto first = bury(source).message_id;
  source.incarnation += 1;
  CAF_CHECK_NOT_EQUAL(bury(source).message_id, first);
  // The message of a stream that is gone is told apart by its own time.
  source.incarnation = 0;
  CAF_CHECK_EQUAL(bury(source).message_id, "dead-TRANSACTIONS-1795505572000000042-42");
  CAF_CHECK_EQUAL(value_of(bury(source), "Ledgerd-Incarnation"), "none");
}

CAF_TEST(every_reason_has_its_word) {
  const std::pair<dead_reason, std::string_view> rows[] = {
      {dead_reason::malformed_json, "MALFORMED_JSON"},
      {dead_reason::too_large, "TOO_LARGE"},
      {dead_reason::invalid_field, "INVALID_FIELD"},
      {dead_reason::record_id_conflict, "RECORD_ID_CONFLICT"},
      {dead_reason::attempts_exhausted, "ATTEMPTS_EXHAUSTED"},
      {dead_reason::unknown_record, "UNKNOWN_RECORD"},
      {dead_reason::contrary_verdict, "CONTRARY_VERDICT"}};
  for (const auto& [reason, word] : rows)
    CAF_CHECK_EQUAL(
        value_of(make_dead_letter(1, sample(), {reason, "x"}, "n", 1 << 20), "Ledgerd-Reason"),
        word);
}

CAF_TEST(reserved_headers_of_the_original_are_left_out) {
  auto source = sample();
  source.headers = {{"Nats-Msg-Id", "x"},
                    {"nats-expected-stream", "y"},
                    {"Ledgerd-Reason", "old"},
                    {"LEDGERD-Truncated", "5"},
                    {"Natsy", "kept"}};
  const auto message = bury(source);
  CAF_CHECK_EQUAL(message.headers.size(), 9u);
  CAF_CHECK_EQUAL(value_of(message, "Ledgerd-Reason"), "MALFORMED_JSON");
  CAF_CHECK_EQUAL(value_of(message, "Natsy"), "kept");
}

CAF_TEST(the_subject_ends_in_the_last_token) {
  const std::pair<std::string, std::string> rows[] = {
      {"transaction.withdrawal", "transaction.dead.withdrawal"},
      {"transaction.result.deposit", "transaction.dead.deposit"},
      {"deposit", "transaction.dead.deposit"},
      {"", "transaction.dead.unknown"},
      {"a.", "transaction.dead.unknown"}};
  for (const auto& [subject, expected] : rows) {
    auto source = sample();
    source.subject = subject;
    CAF_CHECK_EQUAL(bury(source).subject, expected);
  }
}

CAF_TEST(no_value_breaks_out_of_its_header) {
  auto source = sample();
  source.headers = {{"X-A", "1\r\nNats-Msg-Id: forged"}};
  const auto message =
      make_dead_letter(1, std::move(source),
                       {dead_reason::attempts_exhausted, "a\r\nb\nc\rd" + std::string("\0e", 2)},
                       "node\r\n\r\nx", 1 << 20);
  for (const auto& h : message.headers)
    CAF_CHECK(h.value.find_first_of(std::string("\r\n\0", 3)) == std::string::npos);
  CAF_CHECK_EQUAL(value_of(message, "Ledgerd-Detail"), "a  b c d e");
  CAF_CHECK_EQUAL(value_of(message, "Ledgerd-Node"), "node    x");
}

CAF_TEST(a_long_detail_is_cut_between_characters) {
  CAF_CHECK_EQUAL(value_of(bury(sample(), std::string(512, 'x')), "Ledgerd-Detail"),
                  std::string(512, 'x'));
  CAF_CHECK_EQUAL(value_of(bury(sample(), std::string(513, 'x')), "Ledgerd-Detail"),
                  std::string(509, 'x') + "...");
  std::string korean;
  for (int i = 0; i < 300; ++i)
    korean += "\xed\x95\x9c";
  CAF_CHECK_EQUAL(value_of(bury(sample(), korean), "Ledgerd-Detail"),
                  korean.substr(0, 507) + "...");
  CAF_CHECK_EQUAL(value_of(bury(sample(), std::string(600, '\x80')), "Ledgerd-Detail"), "...");
}

CAF_TEST(what_does_not_fit_the_broker_is_cut) {
  auto source = sample();
  source.payload.assign(5000, 'p');
  const auto whole = bury(source, "x");
  const auto exact = wire_size(whole);
  CAF_CHECK_EQUAL(bury(source, "x", exact).payload.size(), 5000u);
  CAF_CHECK_EQUAL(value_of(bury(source, "x", exact), "Ledgerd-Truncated"), "none");
  for (const auto limit : {exact - 1, exact - 100, std::size_t{2000}, std::size_t{700}}) {
    const auto cut = bury(source, "x", limit);
    CAF_CHECK_EQUAL(wire_size(cut), limit);
    CAF_CHECK_EQUAL(value_of(cut, "Ledgerd-Truncated"), "5000");
    CAF_CHECK_EQUAL(value_of(cut, "X-Source"), "a");
    CAF_CHECK(source.payload.starts_with(cut.payload));
  }
}

CAF_TEST(headers_that_leave_no_room_go_from_the_last_on) {
  auto source = sample();
  source.headers = {{"X-1", std::string(300, '1')},
                    {"X-2", std::string(300, '2')},
                    {"X-3", std::string(3000, '3')}};
  const auto cut = bury(source, "x", 1000);
  CAF_CHECK_LESS_OR_EQUAL(wire_size(cut), 1000u);
  CAF_CHECK_EQUAL(value_of(cut, "X-1"), std::string(300, '1'));
  CAF_CHECK_EQUAL(value_of(cut, "X-2"), std::string(300, '2'));
  CAF_CHECK_EQUAL(value_of(cut, "X-3"), "none");
  CAF_CHECK_EQUAL(value_of(cut, "Ledgerd-Truncated"), "9");
  CAF_CHECK_EQUAL(value_of(cut, "Ledgerd-Reason"), "MALFORMED_JSON");
  const auto bare = bury(source, "x", 10); // no limit is too small to say why
  CAF_CHECK_EQUAL(value_of(bare, "Ledgerd-Truncated"), "9");
  CAF_CHECK_EQUAL(bare.headers.size(), 9u);
  CAF_CHECK_EQUAL(bare.payload, "");
}

CAF_TEST(of_more_headers_than_are_read_the_last_go) {
  auto source = sample();
  source.headers.clear();
  for (int i = 0; i < 200; ++i)
    source.headers.push_back({"X-" + std::to_string(i), "x"});
  const auto whole = bury(source);
  CAF_CHECK_EQUAL(value_of(whole, "X-199"), "x");
  CAF_CHECK_EQUAL(value_of(whole, "Ledgerd-Truncated"), "none");
  for (int i = 200; i < 256; ++i)
    source.headers.push_back({"X-" + std::to_string(i), "x"});
  const auto cut = bury(source);
  CAF_CHECK_EQUAL(value_of(cut, "X-199"), "x");
  CAF_CHECK_EQUAL(value_of(cut, "X-200"), "none");
  CAF_CHECK_EQUAL(value_of(cut, "Ledgerd-Truncated"), std::to_string(source.payload.size()));
  CAF_CHECK_EQUAL(cut.payload, source.payload);
  CAF_CHECK_LESS(cut.headers.size(), 256u);
}

CAF_TEST(a_header_without_a_value_is_left_out) {
  auto source = sample();
  source.headers = {{"Empty", ""}, {"X", "kept"}};
  CAF_CHECK_EQUAL(value_of(bury(source), "Empty"), "none");
  CAF_CHECK_EQUAL(value_of(bury(source), "X"), "kept");
}

CAF_TEST(a_payload_is_moved_and_not_copied) {
  auto source = sample();
  source.payload.assign(1 << 20, 'x');
  const auto* data = source.payload.data();
  const auto message =
      make_dead_letter(1, std::move(source), {dead_reason::too_large, "x"}, "n", 2 << 20);
  CAF_CHECK(message.payload.data() == data);
  CAF_CHECK_EQUAL(source.payload, ""); // NOLINT(bugprone-use-after-move): that is the contract
  CAF_CHECK(source.headers.empty());
  CAF_CHECK_EQUAL(source.stream_seq, 42u); // and what settles it is still there
}

CAF_TEST(a_refused_letter_is_cut_again_and_keeps_its_full_length) {
  auto source = sample();
  source.payload.assign(100000, 'x');
  auto message = bury(source);
  CAF_CHECK(shrink_letter(message, 10000));
  CAF_CHECK_EQUAL(value_of(message, "Ledgerd-Truncated"), "100000");
  CAF_CHECK_LESS(message.payload.size(), 10000u);
  CAF_CHECK(shrink_letter(message, 5000));
  CAF_CHECK_EQUAL(value_of(message, "Ledgerd-Truncated"), "100000");
  CAF_CHECK_LESS(message.payload.size(), 5000u);
  CAF_CHECK_LESS(4000u, message.payload.size());
}

CAF_TEST(a_letter_refused_for_an_unknown_limit_is_halved_until_nothing_is_left) {
  auto source = sample();
  source.payload.assign(1 << 20, 'x');
  auto message = bury(source, "x", 2 << 20);
  int times = 0;
  for (; shrink_letter(message, 0); ++times)
    CAF_REQUIRE_LESS(times, 30);
  CAF_CHECK_LESS(5, times);
  CAF_CHECK(message.payload.empty());
  CAF_CHECK_EQUAL(value_of(message, "Ledgerd-Reason"), "MALFORMED_JSON");
  CAF_CHECK_EQUAL(value_of(message, "Ledgerd-Truncated"), "1048576");
}

CAF_TEST(a_refused_result_loses_its_trace_and_nothing_else) {
  outgoing result{.subject = "transaction.result.deposit", .payload = "{}"};
  result.headers = {{"traceparent", "a"}, {"Ledgerd-Account", "7"}, {"tracestate", "b"}};
  CAF_CHECK(shrink_letter(result, 10));
  CAF_CHECK_EQUAL(result.payload, "{}");
  CAF_REQUIRE_EQUAL(result.headers.size(), 1u);
  CAF_CHECK_EQUAL(result.headers[0].name, "Ledgerd-Account");
  CAF_CHECK(!shrink_letter(result, 10));
}

CAF_TEST(more_headers_than_a_stream_takes_are_cut) {
  auto source = sample();
  source.headers.clear();
  for (int i = 0; i < 100; ++i)
    source.headers.push_back({"X-" + std::to_string(i), std::string(1000, 'x')});
  const auto message = bury(source);
  std::size_t sum = 0;
  for (const auto& each : message.headers)
    sum += each.name.size() + each.value.size() + 4;
  CAF_CHECK_LESS(sum, 64u * 1024);
  CAF_CHECK_LESS(50u * 1024, sum);
}
