#define CAF_SUITE dry_spell

#include "actors/common/dry_spell.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

constexpr dry_spell::time_point start{};

account_key account(std::size_t number) {
  return {"user-" + std::to_string(number), *currency_code::parse("KRW")};
}

// So many accounts, one every 10 ms.
void fail_all(dry_spell& spell, std::size_t accounts, dry_spell::time_point from) {
  for (std::size_t i = 0; i < accounts; ++i)
    spell.failed(account(i), "locked", from + i * 10ms);
}

} // namespace

CAF_TEST(a cause is common from eight accounts on and shows from two) {
  dry_spell spell;
  for (std::size_t i = 1; i <= dry_spell::accounts_common; ++i) {
    spell.failed(account(i), "locked", start);
    CAF_CHECK_EQUAL(spell.wait(start + 1s, "nothing happens").since,
                    i < dry_spell::accounts_shown ? 0s : 1s);
    CAF_CHECK_EQUAL(spell.is_common(start + 1s), i == dry_spell::accounts_common);
  }
  spell.posted();
  CAF_CHECK(!spell.is_common(start + 1s));
  CAF_CHECK(spell.wait(start + 1s, "nothing happens").since == 0s);
}

CAF_TEST(one account that goes on failing does not keep the others in mind) {
  dry_spell spell;
  fail_all(spell, dry_spell::accounts_common, start);
  CAF_CHECK(spell.is_common(start + 1s));
  auto now = start;
  for (; now < start + dry_spell::forgotten_after + 3s; now += 3s)
    spell.failed(account(0), "refused", now);
  CAF_CHECK(!spell.is_common(now));
  CAF_CHECK(spell.wait(now, "nothing happens").since == 0s);
  spell.failed(account(1), "refused", now);
  CAF_CHECK(spell.wait(now + 2s, "nothing happens").since == 2s);
}

CAF_TEST(many accounts that take turns stay common) {
  dry_spell spell;
  auto now = start;
  for (std::size_t i = 0; i < 100; ++i, now += 1s)
    spell.failed(account(i % 20), "locked", now);
  CAF_CHECK(spell.is_common(now));
  CAF_CHECK(spell.wait(now, "nothing happens").since > 90s);
}

CAF_TEST(two accounts that take turns show since the second of them failed) {
  dry_spell spell;
  for (std::size_t i = 0; i <= 20; ++i)
    spell.failed(account(i % 2), "locked", start + i * 1s);
  CAF_CHECK(spell.wait(start + 20s, "nothing happens").since == 19s);
}

CAF_TEST(what has failed long ago is forgotten) {
  dry_spell spell;
  fail_all(spell, dry_spell::accounts_common, start);
  CAF_CHECK(spell.is_common(start + dry_spell::forgotten_after));
  CAF_CHECK(!spell.is_common(start + dry_spell::forgotten_after + 100ms));
  CAF_CHECK(spell.wait(start + dry_spell::forgotten_after + 100ms, "nothing happens").since == 0s);
}
