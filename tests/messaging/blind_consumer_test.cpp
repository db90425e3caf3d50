#include "messaging/blind_consumer.hpp"

#define CAF_SUITE blind_consumer
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t made_at = 100;

stream_state stream(std::uint64_t last) {
  return {.exists = true, .last_seq = last, .leader = "n1"};
}

consumer_state handed_out(std::uint64_t seq, std::string leader = "n2") {
  return {.exists = true, .delivered = seq, .created_at_ns = made_at, .leader = std::move(leader)};
}

std::optional<stored_message> message(std::uint64_t seq, std::int64_t stored_at = made_at + 1) {
  return stored_message{.seq = seq, .stored_at_ns = stored_at};
}

blind_consumer::time_point at(std::chrono::milliseconds time) {
  return blind_consumer::time_point{1h + time};
}

} // namespace

CAF_TEST(who is led where the stream is or says that something waits sees it) {
  CAF_CHECK(blind_consumer::is_possible(stream(7), handed_out(5)));
  CAF_CHECK(!blind_consumer::is_possible(stream(7), handed_out(5, "n1")));
  CAF_CHECK(!blind_consumer::is_possible(stream(7), handed_out(7)));
  CAF_CHECK(!blind_consumer::is_possible(stream(7), handed_out(5, ""))); // there is no cluster
  CAF_CHECK(!blind_consumer::is_possible(stream(7), {}));
  auto behind = handed_out(5);
  behind.pending = 1;
  CAF_CHECK(!blind_consumer::is_possible(stream(7), behind));
}

CAF_TEST(it is blind for as long as it does not move) {
  blind_consumer one;
  CAF_CHECK_EQUAL(one.look(handed_out(5), message(7), at(0s)), 0ms);
  CAF_CHECK_EQUAL(one.look(handed_out(5), message(8), at(2s)), 2s);
  CAF_CHECK_EQUAL(one.look(handed_out(6), message(8), at(3s)), 0ms); // it is only slow
  CAF_CHECK_EQUAL(one.look(handed_out(6), message(8), at(5s)), 2s);
  CAF_CHECK_EQUAL(one.look(handed_out(8), message(8), at(6s)), 0ms);
  CAF_CHECK_EQUAL(one.look(handed_out(8), message(9), at(7s)), 0ms); // from now on
}

CAF_TEST(what is on other subjects or older than itself need not be its own) {
  blind_consumer one;
  one.look(handed_out(0), std::nullopt, at(0s));
  CAF_CHECK_EQUAL(one.look(handed_out(0), std::nullopt, at(9s)), 0ms);
  one.look(handed_out(0), message(7, made_at), at(10s));
  CAF_CHECK_EQUAL(one.look(handed_out(0), message(7, made_at), at(19s)), 0ms);
}
