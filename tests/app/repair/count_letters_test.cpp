#include "app/repair/count_letters.hpp"

#include "tests/app/repair/repair_fixture.hpp"

#define CAF_SUITE count_letters
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct counting : repair_fixture {
  std::optional<std::uint64_t> count(
      const repair_order& order, const stop_asked& stop = [] { return false; }) {
    const repair_tools tools{
        .nats = nats, .shelf = shelf, .ledger = nullptr, .currencies = nullptr, .rules = {}};
    return count_meant(tools, order, stop);
  }

  static repair_order of_user(const std::string& user) {
    auto order = all(action_kind::discard);
    order.filter.set("user", user, 0);
    return order;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(letter_counts, counting)

CAF_TEST(what is counted is what the repair then works through) {
  CAF_CHECK(count(all()) == 0u);
  for (int i = 1; i <= 9; ++i)
    deposit(i, i % 3 == 0 ? "anna" : "bert", 1);
  for (auto order : {all(action_kind::discard), of_user("anna"), of_user("nobody")})
    for (const std::uint64_t after : {0, 4, 9, 100})
      for (const std::size_t limit : {2, 1000}) {
        order.after = after;
        order.limit = limit;
        order.dry_run = true;
        for (const std::uint64_t up_to : {0, 3, 7, 100}) {
          order.up_to = up_to;
          CAF_CHECK(count(order) == run(order).count);
        }
        order.up_to.reset();
        CAF_CHECK(count(order) == run(order).count);
      }
  auto named = all(action_kind::discard);
  named.seqs = {1, 2};
  CAF_CHECK(count(named) == 2u);
}

CAF_TEST(nothing is known when it is told to stop) {
  for (int i = 1; i <= 300; ++i)
    deposit(i, "anna", 1);
  CAF_CHECK(count(of_user("anna"), [] { return true; }) == std::nullopt);
}

CAF_TEST_FIXTURE_SCOPE_END()
