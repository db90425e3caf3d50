// A stream with replicas: who reads it gets what its leader holds.
#include "tests/messaging/nats/nats_cluster.hpp"

#define CAF_SUITE broker_replicas
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct cluster_fixture {
  nats_servers servers = nats_cluster();
  event_log events;
  std::unique_ptr<broker> bus =
      broker::connect(options_for(servers.front()->url()), events.observer());
  std::shared_ptr<session> side =
      session::open(options_for(servers.front()->url()), {.name = "test"});

  cluster_fixture() {
    CAF_REQUIRE(eventually([&] { return made(); }));
    auto left = 10;
    const auto next = [&]() -> std::optional<outgoing> {
      return left-- > 0 ? std::optional(outgoing{.subject = "many.one", .payload = "x"})
                        : std::nullopt;
    };
    bus->publish_all(next, 10, nullptr, 10s);
  }

  // Nobody answers while the servers look for each other.
  bool made() {
    try {
      const auto answer = ask("STREAM.CREATE.MANY", {{"name", "MANY"},
                                                     {"subjects", {"many.*"}},
                                                     {"storage", "memory"},
                                                     {"num_replicas", servers.size()}});
      return !answer.contains("error");
    } catch (const std::runtime_error&) {
      return false;
    }
  }

  // The answer, or the error as its only member.
  nlohmann::json ask(const std::string& what, const nlohmann::json& body) {
    const auto answer = ask_jetstream(*side, what, body.dump());
    return answer.error.empty() ? nlohmann::json::parse(answer.json)
                                : nlohmann::json{{"error", answer.error}};
  }

  nlohmann::json consumers() {
    return ask("CONSUMER.LIST.MANY", nlohmann::json::object()).at("consumers");
  }

  // The server on which whoever reads the stream just now has its consumer.
  std::string place_of_reader() {
    nlohmann::json list;
    CAF_REQUIRE(eventually([&] {
      list = consumers(); // those that were deleted may still be there
      return list.size() == 1;
    }));
    return list.front().at("cluster").at("leader");
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(replicas_tests, cluster_fixture)

// A follower's copy may end long before the leader's does, and a reading of it with it. Consumers
// of a reading's kind are put on any of the servers.
CAF_TEST(a stream is read where it is led) {
  int compared = 0;
  for (int i = 0; i < 12; ++i) {
    const auto leader = bus->stream("MANY").leader;
    std::uint64_t read = 0;
    bus->read("MANY", i % 2 == 0 ? "" : "many.*", 1, [&](const stored_message&) {
      if (++read > 1)
        return true;
      const auto place = place_of_reader();
      if (bus->stream("MANY").leader != leader)
        return true; // another one leads it since
      ++compared;
      CAF_CHECK_EQUAL(place, leader);
      return true;
    });
    CAF_CHECK_EQUAL(read, 10u);
  }
  CAF_CHECK_LESS(6, compared);
  CAF_CHECK(eventually([&] { return consumers().empty(); }));
}

CAF_TEST(a copy whose server is away shows until it is back) {
  const auto weak = [&]() -> std::optional<std::size_t> {
    try {
      return bus->stream("MANY").weak_copies.size();
    } catch (const std::runtime_error&) { // nobody leads it
      return std::nullopt;
    }
  };
  CAF_REQUIRE(eventually([&] { return weak() == 0u; }));
  const auto whole_again = [&] {
    servers.back()->kill();
    servers.back()->start();
    return eventually([&] { return weak() == 0u; });
  };
  servers.back()->kill();
  CAF_CHECK(eventually([&] { return weak() == 1u; }, 60s));
  CAF_CHECK(whole_again() || whole_again() || whole_again());
}

CAF_TEST(whoever only looks is told of weak copies) {
  const auto look = [&](bool create) {
    provisioning how;
    how.create = create;
    how.replicas = static_cast<int>(servers.size());
    std::size_t told = 0;
    for (const auto& each : bus->provision(how).warned)
      told += each.find(": the copy on ") != std::string::npos ? 1 : 0;
    return told;
  };
  CAF_REQUIRE(eventually(
      [&] {
        try {
          return look(true) == 0 && look(false) == 0;
        } catch (const std::runtime_error&) {
          return false;
        }
      },
      30s));
  servers.back()->kill();
  CAF_CHECK(eventually(
      [&] {
        try {
          return look(false) >= 3; // of each stream one
        } catch (const std::runtime_error&) {
          return false;
        }
      },
      40s));
}

CAF_TEST_FIXTURE_SCOPE_END()
