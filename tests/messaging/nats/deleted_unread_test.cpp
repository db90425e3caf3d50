#include "messaging/deleted_unread.hpp"

#include <vector>

#define CAF_SUITE deleted_unread
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

consumer_state at(std::uint64_t floor, std::uint64_t delivered, std::uint64_t unsettled) {
  return {.exists = true, .ack_pending = unsettled, .ack_floor = floor, .delivered = delivered};
}

using range = std::optional<sequence_range>;

} // namespace

CAF_TEST(what no consumer can have settled was deleted unread) {
  const struct {
    const char* name;
    std::uint64_t first_seq;
    std::vector<consumer_state> consumers;
    range expected;
  } rows[] = {
      {"an empty stream", 0, {at(0, 0, 0), at(0, 0, 0)}, {}},
      {"nothing deleted", 1, {at(0, 0, 0), at(0, 0, 0)}, {}},
      {"only what was settled", 101, {at(99, 99, 0), at(100, 100, 0)}, {}},
      {"one more than was settled", 102, {at(99, 99, 0), at(100, 100, 0)}, range({101, 101})},
      {"everything, never read", 301, {at(0, 0, 0), at(0, 0, 0)}, range({1, 300})},
      {"in flight", 60, {at(49, 80, 10), at(100, 100, 0)}, range({50, 59})},
      {"in flight, but not deleted", 50, {at(49, 80, 10), at(100, 100, 0)}, {}},
      {"acknowledged out of order", 101, {at(100, 100, 0), at(40, 40, 0)}, {}},
      {"the other consumer is missing", 12, {at(10, 10, 0), {}}, range({11, 11})},
      {"no consumer", 12, {{}, {}}, {}},
  };
  for (const auto& [name, first_seq, consumers, expected] : rows)
    if (deleted_unread(first_seq, consumers) != expected)
      CAF_ERROR(name);
}
