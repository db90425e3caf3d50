#include "domain/trace_context.hpp"

#define CAF_SUITE trace_context
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

const std::string trace(32, 'a');
const std::string span(16, 'b');

std::string with(const std::string& version, const std::string& flags) {
  return version + "-" + trace + "-" + span + "-" + flags;
}

} // namespace

CAF_TEST(a traceparent is read as the recommendation says) {
  struct row {
    std::string header;
    bool valid;
    bool sampled;
  };
  const row table[] = {
      {with("00", "01"), true, true},
      {with("00", "00"), true, false},
      {with("00", "03"), true, true},
      {with("00", "fe"), true, false},
      {with("00", "0b"), true, true},
      {with("cc", "01"), true, true},
      {with("cc", "01") + "-more", true, true},
      {with("cc", "01") + "more", false, false},
      {with("00", "01") + "-more", false, false},
      {with("ff", "01"), false, false},
      {with("0G", "01"), false, false},
      {with("00", "0x"), false, false},
      {"00-" + std::string(32, '0') + "-" + span + "-01", false, false},
      {"00-" + trace + "-" + std::string(16, '0') + "-01", false, false},
      {"00-" + std::string(32, 'A') + "-" + span + "-01", false, false},
      {"00-1-2-01", false, false},
      {"", false, false},
  };
  for (const auto& [header, valid, sampled] : table) {
    const auto read = read_traceparent(header);
    CAF_CHECK_EQUAL(std::make_pair(header, read.has_value()), std::make_pair(header, valid));
    if (!read)
      continue;
    CAF_CHECK_EQUAL(read->trace_id, trace);
    CAF_CHECK_EQUAL(read->span_id, span);
    CAF_CHECK_EQUAL(std::make_pair(header, read->sampled), std::make_pair(header, sampled));
  }
}

CAF_TEST(what is written is read again) {
  for (const bool sampled : {false, true}) {
    const auto header = write_traceparent(trace, span, sampled);
    const auto read = read_traceparent(header);
    CAF_REQUIRE(read.has_value());
    CAF_CHECK_EQUAL(read->sampled, sampled);
  }
}
