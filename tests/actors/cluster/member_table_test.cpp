#define CAF_SUITE member_table

#include "actors/cluster/member_table.hpp"

#include <caf/test/dsl.hpp>

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

node_word word(std::uint64_t boot, std::string name, node_doing doing = node_doing::serving) {
  return {.boot = boot_id{boot},
          .name = std::move(name),
          .version = "1",
          .ledger = true,
          .doing = doing};
}

member_table empty() {
  return {boot_id{1}, 3000ms};
}

} // namespace

CAF_TEST(a node lives while its word keeps coming) {
  auto table = empty();
  CAF_CHECK(table.hear(word(2, "b")) == member_news::joined);
  for (int i = 0; i < 10; ++i) {
    CAF_CHECK(table.pass(2900ms).empty());
    CAF_CHECK(table.hear(word(2, "b")) == member_news::nothing);
  }
  CAF_CHECK_EQUAL(table.living().size(), 1U);
  CAF_CHECK(table.pass(2999ms).empty());
  CAF_CHECK_EQUAL(table.pass(1ms).size(), 1U);
  CAF_CHECK(table.living().empty());
  CAF_CHECK(table.pass(1ms).empty());
  CAF_CHECK(table.hear(word(2, "b")) == member_news::joined);
}

CAF_TEST(what others must hear is told apart from what changes all the time) {
  auto table = empty();
  table.hear(word(2, "b"));
  auto next = word(2, "b");
  next.uptime_ms = 99;
  next.asks = true;
  CAF_CHECK(table.hear(next) == member_news::nothing);
  next.released = 7;
  CAF_CHECK(table.hear(next) == member_news::changed);
  next.doing = node_doing::paused;
  CAF_CHECK(table.hear(next) == member_news::changed);
  CAF_CHECK(table.hear(next) == member_news::nothing);
}

CAF_TEST(a last word ends it at once and is nothing from a stranger) {
  auto table = empty();
  CAF_CHECK(table.hear(word(2, "b", node_doing::gone)) == member_news::nothing);
  table.hear(word(2, "b"));
  CAF_CHECK(table.hear(word(2, "b", node_doing::gone)) == member_news::left);
  CAF_CHECK(table.known().empty());
}

CAF_TEST(who fell silent is shown for a while and is no namesake) {
  auto table = empty();
  table.hear(word(2, "a"));
  CAF_CHECK(table.namesake("a") != nullptr);
  CAF_CHECK(table.namesake("b") == nullptr);
  table.pass(4000ms);
  CAF_CHECK(table.namesake("a") == nullptr);
  CAF_REQUIRE_EQUAL(table.known().size(), 1U);
  CAF_CHECK_EQUAL(table.known()[0].age_ms, 4000U);
  table.pass(member_table::shown);
  CAF_CHECK(table.known().empty());
}

CAF_TEST(made up names neither fill the memory nor drive out those that live) {
  auto table = empty();
  for (std::uint64_t boot = 2; boot < 10000; ++boot)
    table.hear(word(boot, "stranger"));
  CAF_CHECK_EQUAL(table.living().size(), member_table::members_max);
  CAF_CHECK(table.hear(word(10001, "late")) == member_news::refused);
  table.pass(2000ms);
  table.hear(word(2, "real"));
  table.pass(2000ms);
  CAF_CHECK(table.hear(word(10001, "late")) == member_news::joined);
  CAF_CHECK_EQUAL(table.living().size(), 2U);
}
