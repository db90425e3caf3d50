#define CAF_SUITE ownership

#include "domain/ownership.hpp"

#include <set>

#include <caf/test/dsl.hpp>

using namespace ledgerd;

namespace {

std::vector<owner> nodes(std::size_t count) {
  std::vector<owner> result;
  for (std::size_t i = 1; i <= count; ++i)
    result.push_back({"node-" + std::to_string(i), boot_id{i * 7919}});
  return result;
}

} // namespace

CAF_TEST(the hash is the one of the published test vectors) {
  CAF_CHECK_EQUAL(fnv1a_32(""), 0x811c9dc5U);
  CAF_CHECK_EQUAL(fnv1a_32("a"), 0xe40c292cU);
  CAF_CHECK_EQUAL(fnv1a_32("foobar"), 0xbf9cf968U);
  CAF_CHECK_EQUAL(shard_of("foobar"), 0xbf9cf968U % 16384);
}

CAF_TEST(boot ids are written and read again) {
  CAF_CHECK_EQUAL(to_text(boot_id{0xabc}), "0000000000000abc");
  CAF_CHECK(parse_boot_id("0000000000000abc") == boot_id{0xabc});
  for (const auto* text : {"", "0", "0000000000000000", "0000000000000ABC", "00000000000000abcd",
                           "000000000000 abc", "+00000000000abcd"})
    CAF_CHECK(!parse_boot_id(text));
}

CAF_TEST(without owners nobody owns and one owns all) {
  CAF_CHECK(!ownership{}.owner_of(0));
  CAF_CHECK_EQUAL(ownership{}.digest(), 0U);
  const ownership one{nodes(1)};
  CAF_CHECK(one.owner_of(shard_count - 1) == nodes(1)[0].boot);
  CAF_CHECK_EQUAL(one.shards_of(nodes(1)[0].boot), shard_count);
}

CAF_TEST(the order in which nodes are heard of changes nothing) {
  auto forward = nodes(5);
  const ownership a{forward};
  const ownership b{{forward.rbegin(), forward.rend()}};
  CAF_CHECK_EQUAL(a.digest(), b.digest());
  for (std::size_t shard = 0; shard < shard_count; ++shard)
    CAF_CHECK(a.owner_of(shard) == b.owner_of(shard));
}

CAF_TEST(every node has about its share) {
  const std::pair<std::size_t, double> most[] = {
      {2, 1.03}, {3, 1.04}, {5, 1.05}, {10, 1.08}, {100, 1.3}};
  for (const auto& [count, factor] : most) {
    const ownership all{nodes(count)};
    const auto share = static_cast<double>(shard_count) / static_cast<double>(count);
    for (const auto& each : nodes(count)) {
      CAF_CHECK_GREATER(static_cast<double>(all.shards_of(each.boot)) * factor, share);
      CAF_CHECK_LESS(static_cast<double>(all.shards_of(each.boot)), share * factor);
    }
  }
}

CAF_TEST(a node that joins takes its share and nothing else moves) {
  for (std::size_t count = 1; count < 10; ++count) {
    const ownership before{nodes(count)};
    const ownership after{nodes(count + 1)};
    CAF_CHECK_NOT_EQUAL(before.digest(), after.digest());
    const auto joined = nodes(count + 1).back().boot;
    std::size_t moved = 0;
    for (std::size_t shard = 0; shard < shard_count; ++shard)
      if (before.owner_of(shard) != after.owner_of(shard)) {
        CAF_CHECK(after.owner_of(shard) == joined);
        ++moved;
      }
    CAF_CHECK_EQUAL(moved, after.shards_of(joined));
  }
}

CAF_TEST(a node that comes back under its name owns what it owned) {
  auto again = nodes(3);
  again[1].boot = boot_id{99};
  const ownership before{nodes(3)};
  const ownership after{again};
  CAF_CHECK_NOT_EQUAL(before.digest(), after.digest());
  CAF_CHECK_EQUAL(before.shards_of(nodes(3)[1].boot), after.shards_of(boot_id{99}));
}

CAF_TEST(two nodes of one name have one owner on every node) {
  const ownership twins{{{"same", boot_id{2}}, {"same", boot_id{1}}}};
  CAF_CHECK_EQUAL(twins.shards_of(boot_id{1}), shard_count);
}
