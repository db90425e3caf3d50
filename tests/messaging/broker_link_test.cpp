// What happens when the library gives up a connection for good.
#include "messaging/confirming_publisher.hpp"
#include "messaging/pull_source.hpp"
#include "tests/messaging/broker_fixture.hpp"

#include <nats/nats.h>

#define CAF_SUITE broker_link
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

CAF_TEST_FIXTURE_SCOPE(link_tests, broker_fixture)

CAF_TEST(a closed session is built again with everything on it) {
  CAF_REQUIRE(bus->provision({}).empty());
  event_log log;
  const auto options = options_for(servers().nats_url());
  const auto line = std::make_shared<lifeline>(
      options, session_options{.name = "test", .immediate = true}, log.observer());
  fetcher fetch(make_pull_source(line, line, names::request_stream, names::deposit_consumer, 100,
                                 log.observer()),
                100);
  const auto pub = make_confirming_publisher(line);
  bell confirmed;
  pub->open(confirmed.ringer());
  publish_requests(10);
  std::size_t came = 0;
  CAF_REQUIRE(eventually([&] { return (came += fetch.turn().size()) == 10; }));
  for (int round = 1; round <= 3; ++round) {
    const auto epoch = line->epoch();
    natsConnection_Close(line->current()->raw());
    CAF_CHECK(eventually([&] { return line->epoch() != epoch; }));
    CAF_CHECK(eventually([&] {
      return line->up() && log.count(link_event::rebuilt) == static_cast<std::size_t>(round);
    }));
    publish_requests(10 + static_cast<std::uint64_t>(round) * 10);
    CAF_CHECK(eventually([&] {
      return (came += fetch.turn().size()) == 10 + static_cast<std::size_t>(round) * 10;
    }));
    pub->publish({.token = static_cast<std::uint64_t>(round),
                  .subject = "transaction.result.deposit",
                  .message_id = std::to_string(round),
                  .payload = "x"});
    std::vector<confirmation> answers;
    CAF_CHECK(eventually([&] { return !(answers = pub->take()).empty(); }));
    CAF_REQUIRE_EQUAL(answers.size(), 1u);
    CAF_CHECK(answers[0].confirmed);
  }
}

CAF_TEST(a link that is being rebuilt can end) {
  event_log log;
  servers().kill_nats();
  servers().start_again();
  auto line = std::make_shared<lifeline>(options_for(servers().nats_url()),
                                         session_options{.name = "test"}, log.observer());
  servers().kill_nats();
  natsConnection_Close(line->current()->raw());
  CAF_CHECK(eventually([&] { return log.count(link_event::error, "cannot connect") >= 2; }));
  line.reset();
  servers().start_again();
}

CAF_TEST_FIXTURE_SCOPE_END()
