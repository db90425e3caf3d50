// When a link that the library thinks is up is given up.
#include "messaging/nats/connection.hpp"

#define CAF_SUITE broker_link_watch
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

// A watch that looks every 200 ms of a world that the test changes.
struct watched {
  link_watch watch;
  link_watch::time_point now{1h};
  link_watch::wall_time wall{100h};
  bool up = true;
  std::uint64_t signs = 0;

  std::string look() { return watch.look(now, wall, up, signs); }

  void pass(std::chrono::milliseconds time) {
    now += time;
    wall += time;
  }

  // After how long the watch complains; nothing when it does not.
  std::optional<std::chrono::milliseconds> complaint(std::chrono::milliseconds within,
                                                     std::chrono::milliseconds sign_every) {
    look();
    for (auto time = 200ms; time <= within; time += 200ms) {
      pass(200ms);
      if (sign_every.count() > 0 && time % sign_every < 200ms)
        ++signs;
      if (!look().empty())
        return time;
    }
    return std::nullopt;
  }
};

} // namespace

CAF_TEST(silence is noticed after four seconds and signs of life end it) {
  CAF_CHECK(watched{}.complaint(60s, 0ms) == std::optional{4000ms});
  CAF_CHECK(!watched{}.complaint(60s, 1000ms));
  CAF_CHECK(!watched{}.complaint(60s, 3000ms));
  watched down;
  down.up = false;
  CAF_CHECK(!down.complaint(60s, 0ms)); // the library knows it, and connects again
}

CAF_TEST(time in which nobody looked is no silence) {
  watched stopped;
  stopped.look();
  stopped.pass(1h);
  CAF_CHECK_EQUAL(stopped.look(), "");
}

CAF_TEST(a wall clock set back is a reason at once and one set forward is none) {
  watched world;
  world.look();
  world.pass(200ms);
  world.wall -= 40s;
  CAF_CHECK_NOT_EQUAL(world.look().find("set back by 40000 ms"), std::string::npos);
  world.pass(200ms);
  CAF_CHECK_EQUAL(world.look(), ""); // once
  world.wall += 1h;
  world.pass(200ms);
  CAF_CHECK_EQUAL(world.look(), "");
  world.wall -= 100ms; // as when it is slewed
  world.pass(200ms);
  CAF_CHECK_EQUAL(world.look(), "");
}

CAF_TEST(a new connection begins without the silence of the old one) {
  watched world;
  CAF_REQUIRE(world.complaint(60s, 0ms));
  world.watch.begin();
  CAF_CHECK(world.complaint(60s, 0ms) == std::optional{4000ms});
}
