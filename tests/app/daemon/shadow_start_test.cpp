#include "app/daemon/shadow_start.hpp"

#include <vector>

#define CAF_SUITE shadow_start
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

consumer_state made_at(std::int64_t created_at_ns, std::uint64_t delivered) {
  consumer_state result;
  result.exists = true;
  result.delivered = delivered;
  result.created_at_ns = created_at_ns;
  return result;
}

const std::vector<consumer_state> none(2);
constexpr shadow_past fresh{.since_ns = 1000, .decided = false};

} // namespace

CAF_TEST(a new database does not go on where another shadow stopped) {
  const auto found = judge_left_consumers(std::vector{made_at(999, 7), made_at(999, 0)}, fresh, 1);
  for (const auto* words :
       {"the database is new", "`nats consumer rm TRANSACTIONS request-consumer-shadow`",
        "`nats consumer rm TRANSACTION_RESULTS result-consumer-shadow`"})
    if (found.refusal.find(words) == std::string::npos)
      CAF_ERROR(words);
  CAF_CHECK_EQUAL(found.warning, "");
  // Only what is there is to be deleted.
  const auto one = judge_left_consumers(std::vector{made_at(999, 7), none[1]}, fresh, 1);
  CAF_CHECK(!one.refusal.empty());
  CAF_CHECK_EQUAL(one.refusal.find("TRANSACTION_RESULTS"), std::string::npos);
}

CAF_TEST(a shadow goes on with consumers of its own) {
  const auto refused = [](std::vector<consumer_state> found, const shadow_past& past) {
    return !judge_left_consumers(found, past, 1).refusal.empty();
  };
  CAF_CHECK(!refused(none, fresh));
  // It was killed before it had decided anything, or has parked all.
  CAF_CHECK(!refused({made_at(1000, 7), made_at(1000, 7)}, fresh));
  CAF_CHECK(!refused({made_at(999, 7), made_at(999, 7)}, {.since_ns = 1000, .decided = true}));
  // Nothing was taken from them yet.
  CAF_CHECK(!refused({made_at(999, 0), made_at(999, 0)}, fresh));
  // An earlier version has noted no time.
  CAF_CHECK(!refused({made_at(999, 7), made_at(999, 7)}, {.since_ns = 0, .decided = false}));
}

CAF_TEST(a first request that does not count is warned of) {
  const std::vector own{made_at(2000, 7), made_at(2000, 7)};
  CAF_CHECK_EQUAL(judge_left_consumers(own, fresh, 1).warning, "");
  CAF_CHECK_EQUAL(judge_left_consumers(none, fresh, 41001).warning, "");
  const auto found = judge_left_consumers(own, fresh, 41001);
  CAF_CHECK_EQUAL(found.refusal, "");
  CAF_CHECK(found.warning.starts_with("--shadow-from 41001 does not count: "));
}
