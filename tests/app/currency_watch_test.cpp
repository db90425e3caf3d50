#include "app/currency_watch.hpp"

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
