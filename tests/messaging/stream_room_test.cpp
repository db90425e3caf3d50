#include "messaging/stream_room.hpp"

#define CAF_SUITE stream_room
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

stream_state holding(std::uint64_t messages, std::uint64_t bytes) {
  stream_state result;
  result.exists = true;
  result.messages = messages;
  result.bytes = bytes;
  return result;
}

} // namespace

CAF_TEST(a stream without limits is never full) {
  CAF_CHECK(!is_full(holding(0, 0)));
  CAF_CHECK(!is_full(holding(1'000'000'000, 1'000'000'000'000)));
  CAF_CHECK_EQUAL(full_percent(holding(1'000'000'000, 1'000'000'000'000)), 0);
  CAF_CHECK_EQUAL(room_text(holding(1, 1)), "");
}

CAF_TEST(a stream is full when its messages are as many as it takes) {
  auto of = holding(9, 900);
  of.messages_max = 10;
  CAF_CHECK(!is_full(of));
  CAF_CHECK_EQUAL(full_percent(of), 90);
  of.messages = 10;
  CAF_CHECK(is_full(of));
  CAF_CHECK_EQUAL(full_percent(of), 100);
  CAF_CHECK_EQUAL(room_text(of), "10 of 10 messages");
}

CAF_TEST(a stream is full when one more of its size does not fit) {
  auto of = holding(8, 800);
  of.bytes_max = 900;
  CAF_CHECK(!is_full(of));
  CAF_CHECK_EQUAL(full_percent(of), 88);
  of.bytes = 808;
  CAF_CHECK(is_full(of));
  CAF_CHECK_EQUAL(full_percent(of), 100);
  of.messages_max = 9;
  CAF_CHECK_EQUAL(room_text(of), "8 of 9 messages, 808 of 900 bytes");
}

CAF_TEST(a limit that is reached by more than one look sees is no more than full) {
  auto of = holding(0, 2000);
  of.bytes_max = 1000;
  CAF_CHECK_EQUAL(full_percent(of), 99);
}
