#include "messaging/nats/question_queue.hpp"

#include <string>

#define CAF_SUITE question_queue
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

using time_point = question_queue::time_point;

const time_point start{1h};

api_question question(int number, time_point arrived = start, std::size_t size = 0) {
  return {.subject = std::to_string(number),
          .payload = std::string(size, 'x'),
          .headers = {},
          .reply = "_INBOX.x",
          .arrived = arrived};
}

std::string numbers(const std::vector<api_question>& list) {
  std::string result;
  for (const auto& one : list)
    result += one.subject + " ";
  return result;
}

} // namespace

CAF_TEST(the_newest_come_first_in_order_of_arrival) {
  question_queue queue(100, 1 << 20);
  for (int i = 1; i <= 5; ++i)
    queue.put(question(i));
  CAF_CHECK_EQUAL(numbers(queue.take(2, start)), "4 5 ");
  queue.put(question(6));
  CAF_CHECK_EQUAL(numbers(queue.take(2, start)), "3 6 ");
  CAF_CHECK_EQUAL(numbers(queue.take(100, start)), "1 2 ");
  CAF_CHECK_EQUAL(numbers(queue.take(100, start)), "");
  CAF_CHECK_EQUAL(queue.bytes(), 0u);
}

CAF_TEST(what_nobody_waits_for_any_more_is_dropped_unread) {
  question_queue queue(100, 1 << 20);
  queue.put(question(1, start));
  queue.put(question(2, start + 1s));
  CAF_CHECK_EQUAL(numbers(queue.take(9, start + question_patience + 1ms)), "2 ");
  CAF_CHECK_EQUAL(queue.losses().expired, 1u);
  CAF_CHECK_EQUAL(queue.bytes(), 0u);
}

CAF_TEST(beyond_the_limits_the_oldest_go) {
  question_queue by_number(3, 1 << 20);
  for (int i = 1; i <= 10; ++i)
    by_number.put(question(i));
  CAF_CHECK_EQUAL(by_number.losses().overflow, 7u);
  CAF_CHECK_EQUAL(numbers(by_number.take(9, start)), "8 9 10 ");
  question_queue by_bytes(1000, 100'000);
  for (int i = 1; i <= 500; ++i) {
    by_bytes.put(question(i, start, static_cast<std::size_t>(i % 7) * 5000));
    CAF_REQUIRE(by_bytes.bytes() <= 100'000);
  }
  CAF_CHECK(by_bytes.waiting() < 20);
  CAF_CHECK_EQUAL(by_bytes.losses().overflow, 500 - by_bytes.waiting());
  by_bytes.put(question(501, start, 100'000)); // would not fit alone
  CAF_CHECK_EQUAL(numbers(by_bytes.take(1, start)), "500 ");
  by_bytes.take(1000, start);
  CAF_CHECK_EQUAL(by_bytes.bytes(), 0u);
}

CAF_TEST(it_wakes_once_for_what_was_empty) {
  question_queue queue(2, 1 << 20);
  int rings = 0;
  queue.open([&] { ++rings; });
  for (int i = 1; i <= 5; ++i)
    queue.put(question(i));
  CAF_CHECK_EQUAL(rings, 1);
  queue.take(9, start);
  queue.put(question(6));
  CAF_CHECK_EQUAL(rings, 2);
  queue.shut();
  queue.take(9, start);
  queue.put(question(7));
  CAF_CHECK_EQUAL(rings, 2);
}

CAF_TEST(in_order_the_oldest_come_first_however_old_and_the_newest_are_dropped) {
  question_queue queue(3, 1 << 20, queue_order::oldest_first);
  for (int i = 1; i <= 5; ++i)
    queue.put(question(i));
  CAF_CHECK_EQUAL(queue.losses().overflow, 2u);
  CAF_CHECK_EQUAL(numbers(queue.take(2, start + 1h)), "1 2 ");
  queue.put(question(6));
  CAF_CHECK_EQUAL(numbers(queue.take(9, start + 1h)), "3 6 ");
  CAF_CHECK_EQUAL(queue.losses().expired, 0u);
  CAF_CHECK_EQUAL(queue.bytes(), 0u);
}
