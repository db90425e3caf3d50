#include "messaging/deleted_unread.hpp"

#include <vector>

#define CAF_SUITE deleted_unread
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

consumer_state at(std::uint64_t floor, std::uint64_t delivered, std::uint64_t unsettled) {
  return {.exists = true, .ack_pending = unsettled, .ack_floor = floor, .delivered = delivered};
}

stream_state life(std::int64_t created, std::uint64_t first, std::uint64_t last) {
  return {.exists = true,
          .messages = last + 1 - first,
          .first_seq = first,
          .last_seq = last,
          .created_at_ns = created};
}

consumer_state consumer(std::int64_t created, std::uint64_t floor, std::uint64_t held,
                        std::uint64_t waiting) {
  return {.exists = true,
          .pending = waiting,
          .ack_pending = held,
          .ack_floor = floor,
          .delivered = floor + held,
          .created_at_ns = created};
}

using heard = std::vector<consumer_state>;
using lost = std::optional<lost_requests>;
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

CAF_TEST(what waited in a stream that was deleted is lost) {
  stream_lives lives;
  CAF_CHECK(lives.look(life(1, 1, 300)) == lost{}); // the first look tells of no end
  CAF_CHECK(lives.asks());
  lives.hear(heard{consumer(1, 100, 20, 80), consumer(1, 250, 0, 0)});
  CAF_CHECK(lives.look(life(1, 1, 300)) == lost{});
  CAF_CHECK(lives.asks());
  CAF_CHECK((lives.look(life(2, 1, 0)) == lost{{{101, 300}, 100, true}}));
  CAF_CHECK(lives.look(life(2, 1, 0)) == lost{}); // told once
}

CAF_TEST(a stream that was deleted at rest has lost nothing) {
  stream_lives lives;
  lives.look(life(1, 1, 300));
  lives.hear(heard{consumer(1, 300, 0, 0), consumer(1, 299, 0, 0)});
  CAF_CHECK(!lives.asks()); // nor is anybody asked
  lives.look(life(1, 1, 301));
  CAF_CHECK(lives.asks());
  lives.hear(heard{consumer(1, 301, 0, 0), consumer(1, 299, 0, 0)});
  CAF_CHECK(lives.look(life(2, 1, 7)) == lost{});
}

CAF_TEST(what has come since the consumers were heard may be lost too) {
  stream_lives lives;
  lives.look(life(1, 1, 300));
  lives.hear(heard{consumer(1, 300, 0, 0), consumer(1, 299, 0, 0)});
  lives.look(life(1, 1, 303));
  CAF_CHECK(lives.asks());
  lives.look(life(1, 1, 305));
  CAF_CHECK((lives.look(life(2, 1, 0)) == lost{{{301, 305}, 5, true}}));
}

CAF_TEST(consumers of the next life say nothing of the one that has ended) {
  for (const auto& late : {heard{consumer(2, 0, 0, 0), consumer(2, 0, 0, 0)},
                           heard{consumer(1, 300, 0, 0), consumer_state{}}}) {
    stream_lives lives;
    lives.look(life(1, 1, 300));
    lives.hear(heard{consumer(1, 290, 4, 0), consumer(1, 299, 0, 0)});
    lives.look(life(1, 1, 310));
    lives.hear(late);
    CAF_CHECK((lives.look(life(2, 1, 0)) == lost{{{291, 310}, 14, true}}));
  }
}

CAF_TEST(what was settled and is not known is no zero) {
  stream_lives lives;
  lives.look(life(1, 5, 30));
  lives.hear(heard{consumer(1, 20, 0, 0), consumer_state{}});
  CAF_CHECK((lives.look(life(2, 1, 0)) == lost{{{5, 30}, 26, false}}));
  CAF_CHECK(lives.asks());
}
