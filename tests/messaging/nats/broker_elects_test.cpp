// A stream whose servers elect a leader: meanwhile whoever keeps a copy answers for it.
#include <nats/nats.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>

#include "tests/messaging/nats/broker_fixture.hpp"

#define CAF_SUITE broker_elects
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr auto prefix = "electing";

// As nats-server answers, from the copy that is behind, and then by the leader.
class electing_servers final : public message_sink {
public:
  explicit electing_servers(nats_connection* through) : through_(through) {}

  void receive(nats_message* message) override {
    if (quiet.contains(asked + 1)) {
      ++asked;
      return;
    }
    const auto answer = ++asked > leaderless
                            ? R"({"cluster":{"name":"c","leader":"n2"},"state":{"last_seq":9}})"
                            : R"({"cluster":{"name":"c"},"state":{"last_seq":7}})";
    natsConnection_PublishString(through_, natsMsg_GetReply(message), answer);
  }

  std::set<int> quiet;             // questions that nobody answers; set before they are asked
  std::atomic<int> leaderless = 0; // answers, and such questions
  std::atomic<int> asked = 0;

private:
  nats_connection* const through_;
};

struct fixture {
  event_log events;
  std::shared_ptr<session> side =
      session::open(options_for(servers().nats_url()), {.name = "test"});
  std::shared_ptr<electing_servers> electing = std::make_shared<electing_servers>(side->raw());
  std::unique_ptr<broker> bus;

  fixture() {
    side->subscribe(std::string(prefix) + ".STREAM.INFO.S", electing);
    natsConnection_FlushTimeout(side->raw(), 2000);
    auto options = options_for(servers().nats_url());
    options.js_api_prefix = prefix;
    bus = broker::connect(options, events.observer());
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(election_tests, fixture)

CAF_TEST(a stream is believed to the server that leads it) {
  electing->leaderless = 3;
  const auto state = bus->stream("S");
  CAF_CHECK_EQUAL(state.leader, "n2");
  CAF_CHECK_EQUAL(state.last_seq, 9u);
  CAF_CHECK_EQUAL(electing->asked, 4);
}

CAF_TEST(a new leader that is quiet until it has gone through its log costs a second) {
  electing->leaderless = 3;
  electing->quiet = {3};
  const auto asked_at = steady::now();
  CAF_CHECK_EQUAL(bus->stream("S").leader, "n2");
  CAF_CHECK_EQUAL(electing->asked, 4);
  CAF_CHECK(steady::now() - asked_at < 4s);
}

CAF_TEST(a stream that gets no leader is silent) {
  electing->leaderless = 1000;
  const auto asked_at = steady::now();
  bool silent = false;
  try {
    bus->stream("S");
  } catch (const part_silent&) {
    silent = true;
  }
  CAF_CHECK(silent);
  CAF_CHECK(steady::now() - asked_at < 7s);
}

CAF_TEST_FIXTURE_SCOPE_END()
