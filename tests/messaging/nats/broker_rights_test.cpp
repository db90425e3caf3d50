// A user to whom the broker does not give a right that recovery needs.
#include <mutex>
#include <string>

#include "messaging/recovery_source.hpp"
#include "tests/messaging/nats/broker_fixture.hpp"
#include "tests/support/nats_process.hpp"

#define CAF_SUITE broker_rights
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr auto users = R"(
jetstream { store_dir: "$directory/js" }
authorization { users: [
  {user: admin, password: right},
  {user: app, password: right,
   permissions { publish: { deny: "$JS.API.CONSUMER.CREATE.TRANSACTION_EXHAUSTED" } } } ] }
)";

broker_options options_of(const nats_process& server, const std::string& user) {
  return options_for("nats://" + user + ":right@127.0.0.1:" + std::to_string(server.port()));
}

// What a recovery source has reported last.
class notes {
public:
  recovery_report taker() {
    return [this](std::size_t failed, const std::string& why) {
      const std::lock_guard lock{mutex_};
      failed_ = failed;
      why_ = why;
    };
  }

  std::size_t failed() const {
    const std::lock_guard lock{mutex_};
    return failed_;
  }
  std::string why() const {
    const std::lock_guard lock{mutex_};
    return why_;
  }

private:
  mutable std::mutex mutex_;
  std::size_t failed_ = 0;
  std::string why_;
};

} // namespace

CAF_TEST(a right that is missing is told and does not keep the sweep from its work) {
  const nats_process server(users);
  event_log events;
  const auto admin = broker::connect(options_of(server, "admin"), events.observer());
  CAF_REQUIRE(admin->provision({}).empty());
  const auto side = session::open(options_of(server, "admin"), {.name = "test"});
  const std::string path = "TRANSACTIONS.deposit-consumer";
  CAF_REQUIRE_EQUAL(ask_jetstream(*side, "CONSUMER.DELETE." + path, "").error, "");
  CAF_REQUIRE_EQUAL(
      ask_jetstream(*side, "CONSUMER.DURABLE.CREATE." + path,
                    R"({"stream_name":"TRANSACTIONS","config":{"durable_name":"deposit-consumer",)"
                    R"("ack_policy":"explicit","filter_subject":"transaction.deposit",)"
                    R"("ack_wait":300000000,"max_deliver":1}})")
          .error,
      "");
  CAF_REQUIRE_EQUAL(side->publish("transaction.deposit", "", "1"), "");
  {
    fetcher fetch(admin->make_source(names::request_stream, "deposit-consumer", 10), 10);
    CAF_CHECK(eventually([&] {
      for (const auto& one : fetch.turn())
        fetch.done(one, settlement::hand_back);
      return admin->stream(names::exhausted_stream).messages == 1;
    }));
  }
  const auto bus = broker::connect(options_of(server, "app"), events.observer());
  notes said;
  fetcher fetch(make_recovery_source(*bus, names::request_stream, "deposit-consumer",
                                     "transaction.deposit", 100ms, said.taker()),
                10);
  std::size_t swept = 0;
  CAF_CHECK(eventually(
      [&] {
        swept += fetch.turn().size();
        return swept > 0 && said.failed() >= 2;
      },
      40s));
  CAF_CHECK_EQUAL(swept, 1u);
  CAF_CHECK_NOT_EQUAL(said.why().find("TRANSACTION_EXHAUSTED"), std::string::npos);
  CAF_CHECK_NOT_EQUAL(said.why().find("Permissions Violation"), std::string::npos);
}
