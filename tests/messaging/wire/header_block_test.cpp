#include "messaging/wire/header_block.hpp"

#define CAF_SUITE header_block
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::string_view_literals;

namespace {

std::string listed(std::string_view block, header_choice which = header_choice::all) {
  std::string result;
  for (const auto& one : parse_headers(block, which))
    result.append(one.name).append("=").append(one.value).append(";");
  return result;
}

std::string many(std::string_view name, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i)
    result.append(name)
        .append(std::to_string(i))
        .append(": ")
        .append(std::to_string(i))
        .append("\r\n");
  return result;
}

} // namespace

CAF_TEST(an empty value takes nothing from the line after it) {
  CAF_CHECK_EQUAL(listed("NATS/1.0\r\ntracestate:\r\nIdempotency-Key: k\r\n\r\n"),
                  "tracestate=;Idempotency-Key=k;");
  CAF_CHECK_EQUAL(listed("NATS/1.0\r\nA: \t \r\nIdempotency-Key:k\r\n\r\n"),
                  "A=;Idempotency-Key=k;");
  CAF_CHECK_EQUAL(listed("NATS/1.0\r\nIdempotency-Key: k\r\ntracestate: \r\n\r\n"),
                  "Idempotency-Key=k;tracestate=;");
  CAF_CHECK_EQUAL(listed("NATS/1.0\r\nIdempotency-Key:\r\n\r\n"), "Idempotency-Key=;");
}

CAF_TEST(headers in their order with their status apart) {
  const auto block = "NATS/1.0 409  Consumer Deleted \r\nB: 2\r\nA:  x\t y \r\nB: 3\r\n\r\n"sv;
  CAF_CHECK_EQUAL(listed(block), "B=2;A=x\t y;B=3;");
  CAF_CHECK_EQUAL(header_walk(block).status(), "409  Consumer Deleted");
  CAF_CHECK_EQUAL(header_value_in(block, "B"), "2");
  CAF_CHECK_EQUAL(header_value_in(block, "b"), "");
  CAF_CHECK_EQUAL(header_walk("NATS/1.0\r\nStatus: 100\r\n\r\n").status(), "");
  CAF_CHECK_EQUAL(listed("NATS/1.0 503\r\n\r\n"), "");
  CAF_CHECK_EQUAL(listed("NATS/1.0\r\nNats-Msg-Id: 1\r\nA: b\r\n\r\n", header_choice::application),
                  "A=b;");
}

CAF_TEST(a sound block) {
  for (const auto block :
       {""sv, "NATS/1.0\r\n\r\n"sv, "NATS/1.0 503\r\n\r\n"sv, "NATS/1.0\t503\r\n\r\n"sv,
        "NATS/1.0\r\nA: b\r\n\r\n"sv, "NATS/1.0\r\nA:\r\nA::\r\n\r\n"sv,
        "NATS/1.0\r\nA: \xc3\xbc\tb\r\n\r\n"sv})
    if (!judge_headers(block).sound)
      CAF_ERROR(block);
  CAF_CHECK_EQUAL(judge_headers("NATS/1.0\r\nA: b\r\nA: b\r\n\r\n").count, 2u);
}

// What one reader may take for a header and another for none of it.
CAF_TEST(a block that is not sound) {
  for (const auto block : {"hello"sv,
                           "\r\n\r\n"sv,
                           "NATS/1.0"sv,
                           "NATS/1.0\r\n"sv,
                           "NATS/2.0\r\n\r\n"sv,
                           "NATS/1.00\r\n\r\n"sv,
                           "NATS/1.0\r\nA: b"sv,
                           "NATS/1.0\r\nA: b\r\n"sv,
                           "NATS/1.0\r\nA: b\r\n\r\nC: d\r\n\r\n"sv,
                           "NATS/1.0\r\nno colon\r\n\r\n"sv,
                           "NATS/1.0\r\n: no name\r\n\r\n"sv,
                           "NATS/1.0\r\nA : b\r\n\r\n"sv,
                           "NATS/1.0\r\nA: b\r\n folded\r\n\r\n"sv,
                           "NATS/1.0\r\n\tA: b\r\n\r\n"sv,
                           "NATS/1.0\r\nA: b\nC: d\r\n\r\n"sv,
                           "NATS/1.0\r\nA: b\rC: d\r\n\r\n"sv,
                           "NATS/1.0\r\nA: \0b\r\n\r\n"sv,
                           "NATS/1.0\r\nA\0: b\r\n\r\n"sv,
                           "NATS/1.0\r\nA: \x7f\r\n\r\n"sv,
                           "x\0NATS/1.0\r\nA: b\r\n\r\n"sv})
    if (judge_headers(block).sound)
      CAF_ERROR(block);
}

CAF_TEST(what is readable of a block that is not sound) {
  CAF_CHECK_EQUAL(listed("NATS/1.0\r\nA: 1\r\nno colon\r\n: x\r\n B: 2\r\nC d: 3\r\nE: 4"),
                  "A=1;E=4;");
  CAF_CHECK_EQUAL(listed("x\0NATS/1.0\r\nA: b\r\n\r\n"sv), "A=b;");
  CAF_CHECK_EQUAL(listed("NATS/1.0\r\nA: b\r\n\r\nC: d\r\n\r\n"), "A=b;");
  const auto with_zero = parse_headers("NATS/1.0\r\nA: \0z\r\n\r\n"sv);
  CAF_CHECK_EQUAL(with_zero.at(0).value, "\0z"sv);
}

CAF_TEST(of too many headers those stay that are read here) {
  const auto block = "NATS/1.0\r\n" + many("X-", 6000)
                     + "nats-msg-id: m\r\nLedgerd-Reason: r\r\nTraceParent: t\r\n\r\n";
  CAF_CHECK_EQUAL(judge_headers(block).count, 6003u);
  const auto kept = parse_headers(block);
  CAF_REQUIRE_EQUAL(kept.size(), headers_kept_max);
  CAF_CHECK_EQUAL(kept[0].name, "X-0");
  CAF_CHECK_EQUAL(kept[252].name, "X-252");
  CAF_CHECK_EQUAL(kept[253].value, "m");
  CAF_CHECK_EQUAL(kept[254].value, "r");
  CAF_CHECK_EQUAL(kept[255].value, "t");
  CAF_CHECK_EQUAL(parse_headers("NATS/1.0\r\n" + many("Ledgerd-", 300) + "A: b\r\n\r\n").size(),
                  headers_kept_max);
}
