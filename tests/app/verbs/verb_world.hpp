// What the tests of the verbs share: private servers with a migrated database and the streams, and
// the program run against them. No daemon runs here.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "persistence/postgres.hpp"
#include "tests/app/verbs/program.hpp"
#include "tests/support/private_servers.hpp"

namespace ledgerd::test {

inline entry request(std::int64_t id, movement type, std::int64_t amount) {
  return {record_id{id}, {"alice", *currency_code::parse("KRW")}, type, money{amount}};
}

struct verb_world {
  private_servers servers;
  std::unique_ptr<broker> nats;

  explicit verb_world(provisioning wanted = {}) {
    if (const auto made = run({"migrate"}); made.code != 0)
      throw std::runtime_error("migrate: " + made.err);
    broker_options options;
    options.url = servers.nats_url();
    nats = broker::connect(options, [](link_event, const std::string&) {});
    if (!nats->provision(wanted).refused.empty())
      throw std::runtime_error("the streams cannot be made");
  }

  program_run run(std::vector<std::string> arguments) const {
    return run_program(arguments, {"LEDGERD_NATS_URL=" + servers.nats_url(),
                                   "LEDGERD_DATABASE_URL=" + servers.database_url(),
                                   "LEDGERD_DEFAULT_CURRENCY=KRW", "LEDGERD_HTTP_LISTEN=off"});
  }

  // As the daemon would post them, all of one account in one batch.
  void post(const std::vector<entry>& asked) const {
    posting_batch batch{{{asked.front().account, std::nullopt}}, {}};
    for (const auto& each : asked)
      batch.entries.push_back({each, 0});
    if (!std::holds_alternative<posted>(make_postgres_store(servers.database_url())->post(batch)))
      throw std::runtime_error("the rows cannot be posted");
  }

  // A dead letter for the record, as the daemon would park it.
  static outgoing dead_letter(std::int64_t record, std::uint64_t request_seq) {
    delivery source;
    source.subject = "transaction.deposit";
    source.payload =
        R"({"recordId":)" + std::to_string(record) + R"(,"userId":"alice","amount":"-1"})";
    source.stream = names::request_stream;
    source.stream_seq = request_seq;
    return make_dead_letter(1, delivery{source},
                            {dead_reason::invalid_field, "amount must be\npositive"}, "n1",
                            1 << 20);
  }

  void publish(std::vector<outgoing> messages) const {
    auto next = messages.begin();
    nats->publish_all(
        [&]() -> std::optional<outgoing> {
          return next == messages.end() ? std::nullopt : std::optional{*next++};
        },
        16, [](std::uint64_t) {}, std::chrono::seconds{5});
  }
};

} // namespace ledgerd::test
