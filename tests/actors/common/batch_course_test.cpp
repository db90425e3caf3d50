#define CAF_SUITE batch_course

#include "actors/common/batch_course.hpp"

#include <caf/test/dsl.hpp>

#include <optional>
#include <vector>

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

using answer_kind = std::optional<store_failure_kind>; // nothing: a success

constexpr auto unavailable = store_failure_kind::unavailable;
constexpr auto in_doubt = store_failure_kind::in_doubt;
constexpr auto rejected = store_failure_kind::rejected;

batch_step move(batch_course& course, answer_kind kind, std::size_t size) {
  return kind ? course.failed(*kind, size) : course.succeeded();
}

// How many calls it takes until all of `count` are through but those at `bad`, which are refused.
int calls_until_through(std::size_t count, std::vector<std::size_t> bad) {
  batch_course course{500, 1ms, 8ms};
  std::vector<std::size_t> waiting, refused;
  for (std::size_t i = 0; i < count; ++i)
    waiting.push_back(i);
  int calls = 0;
  while (!waiting.empty()) {
    ++calls;
    const auto size = course.next(waiting.size());
    CAF_REQUIRE(size > 0 && size <= waiting.size());
    const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(size);
    const bool is_bad = std::find_first_of(waiting.begin(), end, bad.begin(), bad.end()) != end;
    const auto step = is_bad ? course.failed(rejected, size) : course.succeeded();
    if (step == batch_step::refuse)
      refused.push_back(waiting.front());
    if (step != batch_step::split)
      waiting.erase(waiting.begin(), end);
  }
  CAF_CHECK(refused == bad);
  return calls;
}

} // namespace

CAF_TEST(every answer after every other) {
  struct row {
    answer_kind kind;
    batch_step of_many;
    batch_step of_one;
    bool pauses;
  };
  const std::vector<row> table{
      {std::nullopt, batch_step::done, batch_step::done, false},
      {unavailable, batch_step::again, batch_step::again, true},
      {in_doubt, batch_step::again, batch_step::again, true},
      {rejected, batch_step::split, batch_step::refuse, false},
      {store_failure_kind::blocked, batch_step::split, batch_step::set_aside, false},
  };
  // The state that any two answers leave behind, and every third upon it.
  for (const auto& first : table)
    for (const auto& second : table)
      for (const auto& third : table)
        for (const std::size_t size : {1u, 8u}) {
          batch_course course{8, 1ms, 4ms};
          move(course, first.kind, 8);
          move(course, second.kind, 8);
          const auto step = move(course, third.kind, size);
          CAF_CHECK(step == (size > 1 ? third.of_many : third.of_one));
          CAF_CHECK_EQUAL(course.pause().count() > 0, third.pauses);
          CAF_CHECK_GREATER(course.next(100), 0u);
          CAF_CHECK_EQUAL(course.next(0), 0u);
          // Whatever came before, a row of successes leads back to whole batches.
          for (int i = 0; i < 3; ++i)
            course.succeeded();
          CAF_CHECK_EQUAL(course.next(100), 8u);
          CAF_CHECK_EQUAL(course.pause().count(), 0);
        }
}

CAF_TEST(pauses grow to their bound and end with the first answer) {
  batch_course course{8, 50ms, 300ms};
  std::vector<std::int64_t> pauses;
  for (int i = 0; i < 5; ++i) {
    course.failed(i % 2 == 0 ? unavailable : in_doubt, 8);
    pauses.push_back(course.pause().count());
  }
  CAF_CHECK(pauses == (std::vector<std::int64_t>{50, 100, 200, 300, 300}));
  course.failed(rejected, 1);
  CAF_CHECK_EQUAL(course.pause().count(), 0);
  course.failed(unavailable, 1);
  CAF_CHECK_EQUAL(course.pause().count(), 50);
}

CAF_TEST(a culprit is found in about twice the logarithm of the batch) {
  CAF_CHECK_LESS(calls_until_through(500, {0}), 25);
  CAF_CHECK_LESS(calls_until_through(500, {499}), 25);
  CAF_CHECK_LESS(calls_until_through(500, {250}), 30);
  CAF_CHECK_LESS(calls_until_through(500, {3, 77, 410}), 70);
  CAF_CHECK_EQUAL(calls_until_through(1, {0}), 1);
}
