// `ledgerd trace` against private servers, with rows and messages planted by hand: no daemon runs
// here.

#include <nlohmann/json.hpp>

#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "messaging/record_look.hpp"
#include "persistence/postgres.hpp"
#include "tests/app/verbs/verb_world.hpp"

#define CAF_SUITE trace_verb
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using nlohmann::json;

namespace {

// Record 1 deposits 500, record 2 is refused, record 3 withdraws 200, all in one batch.
struct fixture : verb_world {
  fixture() {
    post({request(1, movement::deposit, 500), request(2, movement::withdrawal, 501),
          request(3, movement::withdrawal, 200)});
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(trace_verb_tests, fixture)

CAF_TEST(trace tells every stage of one record and concludes) {
  const auto row = make_postgres_reader(servers.database_url())->find(record_id{1});
  CAF_REQUIRE(row.has_value());
  outgoing asked;
  asked.subject = "transaction.deposit";
  asked.payload = R"({"recordId":"1","userId":"alice","amount":"500"})";
  auto other = asked;
  other.payload =
      R"({"recordId":11,"userId":"alice","amount":"1"})"; // holds the digit, is another record
  auto result = make_result(1, *row, 0, {});
  add_origin(result, {1, "n1"});
  publish({asked, other, result, dead_letter(1, 77)});
  const auto text = run({"trace", "1"});
  CAF_CHECK_EQUAL(text.code, 0);
  for (const auto* stage :
       {"  received   n1    transaction.deposit #1: ", "  decided    -     DEPOSIT of 500 KRW for ",
        ", one of 3 in its batch", "  published  n1    transaction.result.deposit #1, answers ",
        "  parked     n1    dead letter 1 of request #77: INVALID_FIELD: amount must be"})
    CAF_CHECK_EQUAL(text.out, contains(text.out, stage) ? text.out : stage);
  CAF_CHECK(text.out.ends_with("\ndecided: DEPOSIT of 500 KRW for alice: SUCCESS; another request "
                               "under this id was parked: INVALID_FIELD\n"));
  for (const std::vector<std::string>& how :
       {std::vector<std::string>{"trace", "1", "--json"}, {"trace", "1", "--json", "--all"}}) {
    const auto found = json::parse(run(how).out);
    CAF_CHECK_EQUAL(found.at("state").get<std::string>(), "decided");
    CAF_CHECK_EQUAL(found.at("events").size(), 4u);
    CAF_CHECK_EQUAL(found.at("requests").size(), 1u);
    CAF_CHECK_EQUAL(found.at("row").at("balanceAfter").get<std::string>(), "500");
    CAF_CHECK_EQUAL(found.at("results").size(), 1u);
    CAF_CHECK_EQUAL(found.at("deadLetters").size(), 1u);
  }
  const auto waiting = run({"trace", "11"});
  CAF_CHECK_EQUAL(waiting.code, 0);
  CAF_CHECK(contains(waiting.out, "\nwaiting behind at most 1 message of the stream: request #2"));
  const auto unknown = run({"trace", "12345"});
  CAF_CHECK_EQUAL(unknown.code, 1);
  CAF_CHECK_EQUAL(unknown.out,
                  "note: no node has answered\nunknown: nothing was found of this record\n");
}

CAF_TEST(a result whose row was lost is found) {
  auto row = *make_postgres_reader(servers.database_url())->find(record_id{1});
  row.record = record_id{999};
  publish({make_result(1, row, 0, {})});
  const auto found = run({"trace", "999"});
  CAF_CHECK_EQUAL(found.code, 0);
  CAF_CHECK(contains(found.out, "\ndecided, by its result: DEPOSIT of 500 KRW for alice: SUCCESS; "
                                "the ledger has no such row\n"));
}

CAF_TEST(trace works while one of the servers is away) {
  outgoing asked;
  asked.subject = "transaction.deposit";
  asked.payload = R"({"recordId":9,"userId":"alice","amount":"500"})";
  publish({asked});
  const auto no_database =
      run_program({"trace", "9"}, {"LEDGERD_NATS_URL=" + servers.nats_url(),
                                   "LEDGERD_DATABASE_URL=postgresql://x:s3cr3t@127.0.0.1:9/x"});
  CAF_CHECK_EQUAL(no_database.code, 0);
  CAF_CHECK(contains(no_database.out, "note: the ledger's database cannot be asked: "));
  CAF_CHECK(contains(no_database.out, "\nwaiting: request #1 of TRANSACTIONS is the next"));
  CAF_CHECK(!contains(no_database.out + no_database.err, "s3cr3t"));
  const auto no_broker =
      run_program({"trace", "1"}, {"LEDGERD_NATS_URL=nats://x:s3cr3t@127.0.0.1:9",
                                   "LEDGERD_DATABASE_URL=" + servers.database_url()});
  CAF_CHECK_EQUAL(no_broker.code, 0);
  CAF_CHECK(contains(no_broker.out, "note: the streams were not searched to the end: "));
  CAF_CHECK(no_broker.out.ends_with(
      "\ndecided: DEPOSIT of 500 KRW for alice: SUCCESS; not looked at: the streams\n"));
  CAF_CHECK(!contains(no_broker.out + no_broker.err, "s3cr3t"));
  // It may well be in a stream.
  const auto unknown =
      run_program({"trace", "9"}, {"LEDGERD_NATS_URL=nats://127.0.0.1:9",
                                   "LEDGERD_DATABASE_URL=" + servers.database_url()});
  CAF_CHECK_EQUAL(unknown.code, 3);
  CAF_CHECK(unknown.out.ends_with("\nunknown: nothing was found of this record in what was asked; "
                                  "not looked at: the streams\n"));
}

CAF_TEST_FIXTURE_SCOPE_END()
