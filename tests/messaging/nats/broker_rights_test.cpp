// A user to whom the broker does not give a right that is needed.
#include <mutex>
#include <string>

#include "messaging/nats/line_pair.hpp"
#include "messaging/nats/pull_source.hpp"
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
authorization { timeout: 20, users: [
  {user: admin, password: right},
  {user: app, password: right,
   permissions { publish: { deny: "$JS.API.CONSUMER.CREATE.TRANSACTION_EXHAUSTED" } } } ] }
)";

// With what `app` may not publish.
std::string users_without(const std::string& denied) {
  return R"(
jetstream { store_dir: "$directory/js" }
authorization { timeout: 20, users: [
  {user: admin, password: right},
  {user: app, password: right, permissions { publish: { deny: ")"
         + denied + R"(" } } } ] }
)";
}

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

CAF_TEST(pulls that are refused show and what waits is not known meanwhile) {
  nats_process server(users_without("nothing"));
  event_log events;
  const auto admin = broker::connect(options_of(server, "admin"), events.observer());
  CAF_REQUIRE(admin->provision({}).empty());
  const auto side = session::open(options_of(server, "admin"), {.name = "test"});
  const auto bus = broker::connect(options_of(server, "app"), events.observer());
  fetcher fetch(bus->make_source(names::request_stream, "deposit-consumer", 10), 100);
  const auto& source = fetch.source();
  std::size_t came = 0;
  const auto turns_until = [&](auto condition) {
    return eventually(
        [&] {
          for (const auto& one : fetch.turn()) {
            fetch.done(one);
            ++came;
          }
          return condition();
        },
        9s);
  };
  CAF_REQUIRE_EQUAL(side->publish("transaction.deposit", "", "1"), "");
  CAF_CHECK(turns_until([&] { return came == 1 && source.backlog() == 0; }));
  server.reload(users_without("$JS.API.CONSUMER.MSG.NEXT.>"));
  CAF_CHECK(turns_until([&] { return events.count(link_event::error, "MSG.NEXT") > 0; }));
  for (int i = 0; i < 50; ++i)
    CAF_REQUIRE_EQUAL(side->publish("transaction.deposit", "", "1"), "");
  CAF_CHECK(turns_until([&] { return !source.backlog() || came == 51; }));
  CAF_CHECK(turns_until([&] { return source.unanswered().since >= 4s; }));
  CAF_CHECK_NOT_EQUAL(source.unanswered().complaint.find("Permissions Violation"),
                      std::string::npos);
  CAF_CHECK_NOT_EQUAL(source.unanswered().complaint.find("deposit-consumer"), std::string::npos);
  CAF_CHECK(source.unanswered().alone); // the stream answers all the while
  CAF_CHECK(!source.backlog());
  // A node that stands still has no room, and has to hear all the same that it may go on.
  server.reload(users_without("nothing"));
  CAF_CHECK(eventually([&] {
    fetch.source().pull({0, 0});
    std::this_thread::sleep_for(50ms);
    for (const auto& one : fetch.source().take()) {
      fetch.source().settle(one.receipt, settlement::acknowledge);
      ++came;
    }
    return source.unanswered().since == 0ms;
  }));
  CAF_CHECK(turns_until([&] { return came == 51; }));
  fetch.source().close();
  CAF_CHECK(source.unanswered().since == 0ms);
}

// What has ended stays in memory until its connection ends.
CAF_TEST(pulls that are refused cost no inbox after the other) {
  const nats_process server(users_without("$JS.API.CONSUMER.MSG.NEXT.>"));
  event_log events;
  const auto admin = broker::connect(options_of(server, "admin"), events.observer());
  CAF_REQUIRE(admin->provision({}).empty());
  const auto line = std::make_shared<lifeline>(options_of(server, "app"),
                                               session_options{.name = "app", .immediate = true},
                                               events.observer());
  fetcher fetch(make_pull_source(std::make_shared<line_pair>(line, line, false, events.observer()),
                                 names::request_stream, "deposit-consumer", 10, events.observer()),
                100);
  CAF_CHECK(
      !eventually([&] { return fetch.turn().size() > 0; }, 2 * lifeline::unanswered_max + 2s));
  CAF_CHECK(fetch.source().unanswered().since >= 4s);
  CAF_CHECK_EQUAL(line->current()->subscriptions().ended, 0u);
}

namespace {

std::string users_without_inbox(const std::string& denied) {
  return R"(
jetstream { store_dir: "$directory/js" }
authorization { timeout: 20, users: [
  {user: admin, password: right},
  {user: app, password: right, permissions { subscribe: { deny: ")"
         + denied + R"(" } } } ] }
)";
}

bool answers_questions(broker& bus) {
  try {
    return bus.stream(names::request_stream).exists;
  } catch (const std::runtime_error&) {
    return false;
  }
}

} // namespace

CAF_TEST(an inbox that was taken away comes back with its right) {
  nats_process server(users_without_inbox("nothing"));
  event_log events;
  const auto admin = broker::connect(options_of(server, "admin"), events.observer());
  CAF_REQUIRE(admin->provision({}).empty());
  const auto bus = broker::connect(options_of(server, "app"), events.observer());
  // Their refusals, each with every new inbox, must not pass for the life of the link.
  fetcher deposits(bus->make_source(names::request_stream, "deposit-consumer", 10), 100);
  const auto turn_for = [&](std::chrono::milliseconds time, fetcher* other = nullptr) {
    eventually(
        [&] {
          deposits.turn();
          if (other != nullptr)
            other->turn();
          return false;
        },
        time);
  };
  turn_for(1500ms);
  fetcher withdrawals(bus->make_source(names::request_stream, "withdrawal-consumer", 10), 100);
  CAF_REQUIRE(answers_questions(*bus));
  server.reload(users_without_inbox("_INBOX.>"));
  turn_for(9s, &withdrawals);
  server.reload(users_without_inbox("nothing"));
  CAF_CHECK(eventually([&] { return answers_questions(*bus); }, 14s));
}

CAF_TEST(an inbox that was taken away among many others comes back too) {
  nats_process server(users_without_inbox("nothing"));
  event_log events;
  const auto admin = broker::connect(options_of(server, "admin"), events.observer());
  CAF_REQUIRE(admin->provision({}).empty());
  const auto bus = broker::connect(options_of(server, "app"), events.observer());
  // Of the refusals, which come together in any order, few are of an inbox.
  std::vector<std::string> subjects;
  for (int i = 0; i < 12; ++i)
    subjects.push_back("ledgerd.test." + std::to_string(i));
  const auto desk = bus->make_desk(subjects);
  desk->open([] {});
  const auto turn_for = [&](std::chrono::milliseconds time) {
    eventually(
        [&] {
          static_cast<void>(desk->take(1));
          return false;
        },
        time);
  };
  turn_for(1s);
  CAF_REQUIRE(answers_questions(*bus));
  server.reload(users_without_inbox(">"));
  turn_for(2s);
  server.reload(users_without_inbox("nothing"));
  CAF_CHECK(eventually(
      [&] {
        static_cast<void>(desk->take(1));
        return answers_questions(*bus);
      },
      14s));
}

namespace {

// Two accounts: the streams are of one, the user of the other.
std::string accounts(const std::string& imported) {
  return R"(
jetstream { store_dir: "$directory/js" }
accounts {
  STREAMS: { jetstream: enabled, users: [{user: admin, password: right}]
    exports: [{service: "$JS.API.>", response_type: stream}, {service: "$JS.ACK.>"},
              {service: "transaction.>"}] }
  APP: { users: [{user: app, password: right}]
    imports: [{service: {account: STREAMS, subject: "$JS.API.>"}, to: "money.API.>"},
              {service: {account: STREAMS, subject: "transaction.>"}})"
         + imported + R"(] } }
)";
}

constexpr auto ack_import = R"(, {service: {account: STREAMS, subject: "$JS.ACK.>"}})";

constexpr auto long_silence = 4s; // a node says so after ten

// A consumer of whose messages each is acknowledged at once.
struct ack_fixture {
  nats_process server;
  event_log events;
  std::unique_ptr<broker> admin;
  std::shared_ptr<session> side;
  std::unique_ptr<broker> bus;
  std::unique_ptr<fetcher> fetch;
  std::size_t came = 0;

  ack_fixture(const std::string& configuration, const std::string& prefix) : server(configuration) {
    admin = broker::connect(options_of(server, "admin"), events.observer());
    CAF_REQUIRE(admin->provision({.ack_wait = 2s, .shutdown_deadline = 1s}).empty());
    side = session::open(options_of(server, "admin"), {.name = "test"});
    auto options = options_of(server, "app");
    options.js_api_prefix = prefix;
    bus = broker::connect(options, events.observer());
    fetch = std::make_unique<fetcher>(
        bus->make_source(names::request_stream, "deposit-consumer", 100), 1000);
  }

  delivery_source::silence untaken() const { return fetch->source().unacknowledged(); }

  template <class Condition>
  bool turns_until(Condition condition, std::chrono::milliseconds within) {
    return eventually(
        [&] {
          for (const auto& one : fetch->turn()) {
            fetch->done(one);
            ++came;
          }
          return condition();
        },
        within);
  }

  void request() { CAF_REQUIRE_EQUAL(side->publish("transaction.deposit", "", "1"), ""); }

  bool all_are_taken() {
    return turns_until([&] { return untaken().since == 0ms; }, 20s)
           && turns_until(
               [&] {
                 return admin->consumer(names::request_stream, "deposit-consumer").ack_pending == 0;
               },
               20s);
  }
};

} // namespace

CAF_TEST(acknowledgements that are refused show and so does their right when it is given) {
  ack_fixture here(users_without("nothing"), "");
  here.request();
  CAF_CHECK(here.turns_until([&] { return here.came == 1; }, 20s));
  // Nothing is told while they are taken, nor of an idle consumer.
  CAF_CHECK(
      !here.turns_until([&] { return here.untaken().since >= long_silence; }, long_silence + 2s));
  here.server.reload(users_without("$JS.ACK.>"));
  CAF_CHECK(here.turns_until(
      [&] {
        here.request();
        return here.events.count(link_event::error, "JS.ACK") > 0;
      },
      20s));
  // One is enough, and whoever stands still asks for no more messages.
  CAF_CHECK(eventually([&] {
    here.fetch->source().pull({0, 0});
    std::this_thread::sleep_for(50ms);
    return here.untaken().since >= long_silence;
  }));
  CAF_CHECK_EQUAL(here.untaken().subject, "$JS.ACK.TRANSACTIONS.deposit-consumer.>");
  CAF_CHECK_NOT_EQUAL(here.untaken().complaint.find("Permissions Violation"), std::string::npos);
  here.server.reload(users_without("nothing"));
  CAF_CHECK(eventually([&] {
    here.fetch->source().pull({0, 0});
    std::this_thread::sleep_for(50ms);
    return here.untaken().since == 0ms;
  }));
  CAF_CHECK(here.all_are_taken());
  here.fetch->source().close();
}

CAF_TEST(acknowledgements that another account does not import show) {
  ack_fixture here(accounts(""), "money.API");
  here.request();
  CAF_CHECK(here.turns_until([&] { return here.untaken().since >= long_silence; }, 30s));
  CAF_CHECK_EQUAL(here.untaken().complaint, "nobody takes them");
  CAF_CHECK(here.came >= 1);
}

CAF_TEST(acknowledgements that another account imports are answered) {
  ack_fixture here(accounts(ack_import), "money.API");
  here.request();
  CAF_CHECK(here.turns_until([&] { return here.came == 1; }, 20s));
  CAF_CHECK(
      !here.turns_until([&] { return here.untaken().since >= long_silence; }, long_silence + 2s));
  CAF_CHECK(here.all_are_taken());
}

CAF_TEST(a publication that is refused in silence says so) {
  const nats_process server(users_without("transaction.result.>"));
  event_log events;
  const auto admin = broker::connect(options_of(server, "admin"), events.observer());
  CAF_REQUIRE(admin->provision({}).empty());
  const auto bus = broker::connect(options_of(server, "app"), events.observer());
  const auto pub = bus->make_publisher();
  pub->open([] {});
  CAF_CHECK_EQUAL(pub->refusal_of("transaction.result.deposit"), "");
  pub->publish({.token = 1, .subject = "transaction.result.deposit", .payload = "{}"});
  CAF_CHECK(eventually([&] { return !pub->refusal_of("transaction.result.deposit").empty(); }));
  CAF_CHECK_EQUAL(pub->refusal_of("transaction.result.withdrawal"), "");
  std::vector<confirmation> answers;
  CAF_CHECK(eventually(
      [&] {
        answers = pub->take();
        return !answers.empty();
      },
      20s));
  CAF_REQUIRE_EQUAL(answers.size(), 1u);
  CAF_CHECK(answers[0].outcome == publish_outcome::unconfirmed);
}
