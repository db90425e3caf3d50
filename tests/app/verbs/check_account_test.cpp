// That `check` sees how near an account on NATS is to its limits.

#include "messaging/broker.hpp"
#include "tests/app/verbs/program.hpp"
#include "tests/support/nats_process.hpp"

#define CAF_SUITE check_account
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

// What `check` says of a broker where JetStream allows the only account so much, or where a user
// has no more than these rights.
std::string said_of(const std::string& limits, const std::string& rights = "") {
  const nats_process server("jetstream { store_dir: \"$directory/js\" }\n"
                            "accounts { A { jetstream: { max_mem: 100MB, max_file: 1GB, "
                            + limits + " }, users: [{user: app, password: right" + rights
                            + "}, {user: maker, password: right}] } }");
  const auto url = [&](const std::string& user) {
    return "nats://" + user + ":right@127.0.0.1:" + std::to_string(server.port());
  };
  broker_options options;
  options.url = url("maker");
  broker::connect(options, [](link_event, const std::string&) {})->provision({.account = true});
  const auto check = run_program({"check"}, {"LEDGERD_NATS_URL=" + url("app"),
                                             "LEDGERD_DATABASE_URL=postgresql://127.0.0.1:1/none",
                                             "LEDGERD_HTTP_LISTEN=off"});
  return check.out + check.err;
}

} // namespace

CAF_TEST(check warns of an account that has used up its streams and consumers) {
  const auto said = said_of("max_streams: 5, max_consumers: 2");
  CAF_MESSAGE(said);
  CAF_CHECK(contains(said, "broker           WARN   the account on NATS uses 5 of 5 streams "));
  CAF_CHECK(
      contains(said, "broker           WARN   the stream TRANSACTIONS has 2 of 2 consumers "));
  CAF_CHECK(!contains(said, "TRANSACTION_ACTIONS has"));
}

CAF_TEST(check says nothing of limits that are far) {
  const auto said = said_of("max_streams: 6, max_consumers: 20");
  CAF_CHECK(contains(said, "broker           ok"));
  CAF_CHECK(!contains(said, "account on NATS"));
}

CAF_TEST(check says that it may not look at the limits) {
  const auto said =
      said_of("max_streams: 5", ", permissions { publish: { deny: \"$JS.API.INFO\" } }");
  CAF_CHECK(contains(said, "may the user publish on $JS.API.INFO?"));
}
