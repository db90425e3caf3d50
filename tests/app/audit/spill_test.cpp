#include "app/audit/spill.hpp"

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <unistd.h>

#define CAF_SUITE audit_spill
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

struct item {
  std::int64_t record;
  std::int64_t more[5];
};

struct folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("spill-test." + std::to_string(getpid()));

  folder() { std::filesystem::create_directory(path); }
  ~folder() { std::filesystem::remove_all(path); }
};

void fill(spill_list<item>& list, std::int64_t first, std::int64_t last) {
  for (auto record = first; record <= last; ++record)
    list.add(record, {record, {record}});
}

// All items, part by part; each record must lie in its part, and those of a part in order.
std::multiset<std::int64_t> taken(spill_space& space, spill_list<item>& list) {
  std::multiset<std::int64_t> all;
  for (std::size_t part = 0; part < space.parts(); ++part) {
    std::int64_t before = 0;
    for (const auto& each : list.take(part)) {
      CAF_REQUIRE(!space.in_files() || spill_part(each.record) == part);
      CAF_REQUIRE(each.record >= before && each.more[0] == each.record);
      before = each.record;
      all.insert(each.record);
    }
  }
  return all;
}

template <class Function>
bool fails(Function function) {
  try {
    function();
  } catch (const std::runtime_error&) {
    return true;
  }
  return false;
}

std::size_t resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::stoul(line.substr(6));
  return 0;
}

} // namespace

CAF_TEST(a list in memory and one in files give the same) {
  for (const std::size_t memory_max : {std::size_t{1} << 30, std::size_t{50'000}, std::size_t{0}}) {
    spill_space space({}, memory_max);
    spill_list<item> list(space, "items");
    spill_list<item> other(space, "others");
    fill(other, 1, 10);
    fill(list, 1, 20'000);
    CAF_CHECK_EQUAL(space.in_files(), memory_max < (std::size_t{1} << 30));
    CAF_CHECK_EQUAL(taken(space, list).size(), 20'000u);
    CAF_CHECK_EQUAL(taken(space, other).size(), 10u);
  }
}

CAF_TEST(a million items leave memory as it is) {
  spill_space space({}, std::size_t{1} << 20);
  spill_list<item> list(space, "items");
  fill(list, 1, 100'000);
  [[maybe_unused]] const auto before = resident_kilobytes();
  fill(list, 100'001, 1'000'000);
#ifndef __SANITIZE_ADDRESS__ // which keeps freed memory
  CAF_CHECK_LESS(resident_kilobytes(), before + 4096);
#endif
  std::size_t count = 0;
  for (std::size_t part = 0; part < space.parts(); ++part)
    count += list.take(part).size();
  CAF_CHECK_EQUAL(count, 1'000'000u);
#ifndef __SANITIZE_ADDRESS__
  CAF_CHECK_LESS(resident_kilobytes(), before + 8192);
#endif
}

CAF_TEST(a list goes on where it was paused and forgets what came after) {
  const folder in;
  spill_sizes sizes;
  {
    spill_space space(in.path);
    spill_list<item> list(space, "items");
    fill(list, 1, 5000);
    sizes = list.flush();
    fill(list, 7'000'000, 7'005'000);
    list.flush();
  }
  spill_space space(in.path);
  spill_list<item> list(space, "items");
  list.restore(sizes);
  fill(list, 5001, 6000);
  const auto all = taken(space, list);
  CAF_CHECK_EQUAL(all.size(), 6000u);
  CAF_CHECK_EQUAL(*all.rbegin(), 6000);
}

CAF_TEST(a file that is shorter than it was is told) {
  const folder in;
  spill_space space(in.path);
  spill_list<item> list(space, "items");
  fill(list, 1, 5000);
  const auto sizes = list.flush();
  std::filesystem::resize_file(in.path / "items.7", 8);
  CAF_CHECK(fails([&] { list.restore(sizes); }));
}

CAF_TEST(a folder that cannot be written is told) {
  spill_space space("/proc/nowhere");
  spill_list<item> list(space, "items");
  CAF_CHECK(fails([&] { fill(list, 1, 100'000); }));
}
