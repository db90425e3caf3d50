#include "app/daemon/currency_watch.hpp"

#include <atomic>
#include <stdexcept>

#define CAF_SUITE currency_watch
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

currency_code code(std::string_view text) {
  return *currency_code::parse(text);
}

template <class Condition>
bool comes_true(Condition condition) {
  for (int i = 0; i < 5000 && !condition(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  return condition();
}

} // namespace

CAF_TEST(a_new_currency_is_taken_up_although_a_look_failed) {
  const auto table = std::make_shared<currency_table>(std::vector<currency>{{code("KRW"), 0}});
  std::atomic<int> looks{0};
  const auto read = [&]() -> std::vector<currency> {
    if (++looks < 3)
      throw std::runtime_error("away");
    return {{code("KRW"), 3}, {code("QQQ"), 4}};
  };
  const currency_watch watch{table, read, std::chrono::milliseconds{1}};
  CAF_CHECK(comes_true([&] { return table->exponent(code("QQQ")) == 4; }));
  CAF_CHECK(comes_true([&] { return looks > 5; }));
  CAF_CHECK(table->exponent(code("KRW")) == 0);
}

CAF_TEST(its_end_does_not_wait_for_the_pause) {
  const auto begin = std::chrono::steady_clock::now();
  {
    const currency_watch watch{std::make_shared<currency_table>(std::vector<currency>{}),
                               [] { return std::vector<currency>{}; }, std::chrono::hours{1}};
  }
  CAF_CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{10});
}

CAF_TEST(a_look_that_is_asked_for_begins_after_the_call_and_is_shared) {
  const auto table = std::make_shared<currency_table>(std::vector<currency>{});
  std::atomic<int> looks{0};
  std::atomic<bool> exists{false}, hold{true};
  const auto read = [&]() -> std::vector<currency> {
    const bool seen = exists;
    ++looks;
    while (hold)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    return seen ? std::vector<currency>{{code("QQQ"), 4}} : std::vector<currency>{};
  };
  currency_watch watch{table, read, std::chrono::hours{1}, std::chrono::milliseconds{1}};
  const auto first = watch.request();
  CAF_CHECK(comes_true([&] { return looks == 1; }));
  // The look under way may have read before the currency came: it answers nobody who asks now.
  exists = true;
  const auto second = watch.request();
  CAF_CHECK_GREATER(second, first);
  CAF_CHECK_EQUAL(watch.request(), second);
  std::atomic<int> told{0};
  watch.request([&](bool went_well) { told += went_well ? 1 : 100; });
  hold = false;
  CAF_CHECK(comes_true([&] { return watch.done() >= second; }));
  CAF_CHECK(comes_true([&] { return told == 1; }));
  CAF_CHECK(table->exponent(code("QQQ")) == 4);
  CAF_CHECK_EQUAL(looks.load(), 2);
}

CAF_TEST(a_look_that_fails_is_told_and_tried_again_for_those_who_wait) {
  const auto table = std::make_shared<currency_table>(std::vector<currency>{});
  std::atomic<int> looks{0};
  const auto read = [&]() -> std::vector<currency> {
    if (++looks == 1)
      throw std::runtime_error("away");
    return {{code("QQQ"), 4}};
  };
  currency_watch watch{table, read, std::chrono::hours{1}, std::chrono::milliseconds{1}};
  std::atomic<int> told{0};
  watch.request([&](bool went_well) { told = went_well ? 1 : 2; });
  CAF_CHECK(comes_true([&] { return told == 2; }));
  CAF_CHECK(comes_true([&] { return watch.done() == 1; }));
  CAF_CHECK(table->exponent(code("QQQ")) == 4);
}

CAF_TEST(a_flood_of_unknown_codes_costs_a_look_every_rest) {
  std::atomic<int> looks{0};
  const auto read = [&] {
    ++looks;
    return std::vector<currency>{};
  };
  currency_watch watch{std::make_shared<currency_table>(std::vector<currency>{}), read,
                       std::chrono::hours{1}, std::chrono::milliseconds{50}};
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20000; ++i)
    watch.request();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds{300})
    watch.request();
  const auto looked = looks.load(); // before the time is taken: there may be more after it
  const auto took = std::chrono::steady_clock::now() - begin;
  CAF_CHECK_LESS(looked, 3 + took / std::chrono::milliseconds{50});
}
