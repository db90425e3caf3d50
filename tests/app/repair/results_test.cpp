// Replays of results that the account side has parked.
#include <map>
#include <stdexcept>

#include "messaging/submission_codec.hpp"
#include "tests/app/repair/repair_fixture.hpp"

#define CAF_SUITE repair_results
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

class fake_records final : public record_reader {
public:
  std::map<std::int64_t, audited_record> rows;
  bool away = false;
  bool no_schema = false;
  std::size_t asked = 0;

  bool exists() override {
    if (away)
      throw std::runtime_error("connection\nrefused");
    return !no_schema;
  }
  std::vector<audited_record> after(record_id id, std::size_t) override {
    ++asked;
    const auto next = rows.upper_bound(to_int(id));
    return next == rows.end() ? std::vector<audited_record>{} : std::vector{next->second};
  }
  std::vector<record_id> missing(const std::vector<record_id>&) override {
    throw std::logic_error("not used");
  }
  bool writable() override { return true; }
};

struct fixture : repair_fixture {
  fake_records accounts;

  fixture() { records = &accounts; }

  static posting deposited(int record, std::int64_t amount) {
    return {.id = transaction_id{record},
            .record = record_id{record},
            .account = {"anna", *currency_code::parse("KRW")},
            .seq = 1,
            .type = movement::deposit,
            .amount = money{amount},
            .verdict = outcome::applied,
            .balance_after = money{amount},
            .created_at = database_time{1'000'000}};
  }

  std::uint64_t park_result(std::string payload, dead_reason reason, bool marked = true,
                            const std::string& of = "") {
    stored_message source;
    source.seq = 2'000'000 + ++parked;
    source.subject = "transaction.result.deposit";
    source.payload = std::move(payload);
    source.headers = {{"traceparent", "00-1-2-01"}};
    if (marked)
      source.headers.push_back({"Ledgerd-Account", "1"});
    if (!of.empty())
      source.headers.push_back({"Ledgerd-Replay-Of", of});
    ledger.park(source, {reason, "a sentence"}, names::result_stream);
    return nats.stored(names::dead_letter_stream).back().seq;
  }

  std::uint64_t result(int record, std::int64_t amount, bool marked = true) {
    return park_result(encode_result(deposited(record, amount), 0), dead_reason::unknown_record,
                       marked);
  }

  record_reader::audited_record& recorded(int record, std::int64_t amount) {
    transaction_record row;
    row.id = record_id{record};
    row.asked = {{"anna", *currency_code::parse("KRW")}, movement::deposit, money{amount}};
    row.status = record_status::pending;
    return accounts.rows[record] = {row, 0, std::nullopt};
  }

  std::size_t results() const { return nats.stored(names::result_stream).size(); }

  std::string judged(const repair_order& order) {
    run(order);
    return joined(verdicts());
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(repair_results_tests, fixture)

CAF_TEST(a result that is none is never published again) {
  park_result(R"({"recordId":7,"status":"SUCCESS"})", dead_reason::invalid_field);
  park_result(R"({"recordId":8,"status":)", dead_reason::malformed_json);
  for (int times = 0; times < 3; ++times) {
    auto order = all();
    order.origin.stamp += times;
    order.dry_run = times == 0;
    // Of the second nobody can tell whose it is.
    CAF_CHECK_EQUAL(judged(order), "PARKED INVALID_FIELD; NONE; ");
    CAF_CHECK(!steps.at(0).done);
    CAF_CHECK(steps.at(0).expected.detail.starts_with("field \"transactionId\""));
  }
  CAF_CHECK_EQUAL(results(), 0u);
  CAF_CHECK(nats.stored(names::action_stream).empty());
}

CAF_TEST(a result is judged as the account side judges it) {
  recorded(1, 10);
  result(1, 10);   // it waits for just this
  result(1, 10);   // and has it then
  recorded(2, 10); // asked for something else
  result(2, 11);
  result(3, 10);        // there is no such record
  result(4, 10, false); // of another producer, which the account side passes over
  recorded(5, 10).row.status = record_status::failed; // has another verdict
  accounts.rows.at(5).row.reason = "INSUFFICIENT_FUNDS";
  result(5, 10);
  recorded(6, 10).after_transaction = transaction_id{6}; // is of a later life
  accounts.rows.at(6).row.created_at = database_time{2'000'000};
  result(6, 10);
  recorded(8, 10).row.status = record_status::failed;
  accounts.rows.at(8).row.reason = "RECORD_ID_CONFLICT";
  result(8, 10);
  const std::string expected =
      "RESULT; RESULT; PARKED UNKNOWN_RECORD; PARKED UNKNOWN_RECORD; RESULT; "
      "PARKED CONTRARY_VERDICT; PARKED UNKNOWN_RECORD; PARKED UNKNOWN_RECORD; ";
  auto order = all();
  order.dry_run = true;
  CAF_CHECK_EQUAL(judged(order), expected);
  CAF_CHECK_EQUAL(steps.at(3).expected.detail, "field \"recordId\": there is no record 3");
  CAF_CHECK_EQUAL(results(), 0u);
  order.dry_run = false;
  CAF_CHECK_EQUAL(judged(order), expected);
  CAF_CHECK_EQUAL(results(), 3u);
  // What is forced comes as it came, and is judged as it was.
  order.force = true;
  order.origin.stamp += 1;
  order.seqs = {4};
  CAF_CHECK_EQUAL(judged(order), "PARKED UNKNOWN_RECORD; ");
  CAF_REQUIRE_EQUAL(results(), 4u);
  CAF_CHECK_EQUAL(value_of(nats.stored(names::result_stream).back(), "Ledgerd-Account"), "1");
}

CAF_TEST(a result goes nowhere while the account side cannot be asked) {
  recorded(1, 10);
  result(1, 10);
  deposit(9, "bert", 5);
  accounts.away = true;
  for (const bool dry_run : {true, false}) {
    auto order = all();
    order.dry_run = dry_run;
    CAF_CHECK_EQUAL(judged(order), "NONE; SUCCESS; ");
    CAF_CHECK_EQUAL(steps.at(0).expected.detail,
                    "the account side judges results, and its database cannot be asked: "
                    "connection refused");
  }
  CAF_CHECK_EQUAL(results(), 0u);
  auto order = all();
  order.force = true;
  order.seqs = {1};
  CAF_CHECK_EQUAL(judged(order), "RESULT; ");
  CAF_CHECK_EQUAL(results(), 1u);
}

CAF_TEST(where there is no account side a result goes as it is) {
  result(1, 10);
  auto order = all();
  order.dry_run = true;
  accounts.no_schema = true;
  CAF_CHECK_EQUAL(judged(order), "RESULT; ");
  records = nullptr;
  CAF_CHECK_EQUAL(judged(order), "RESULT; ");
  with_ledger = false;
  CAF_CHECK_EQUAL(judged(order), "RESULT; ");
  CAF_CHECK_EQUAL(accounts.asked, 0u);
}

CAF_TEST(what came of a replay does not go again beside its letter) {
  recorded(1, 10);
  const auto first = result(1, 10);
  const auto payload = encode_result(deposited(1, 10), 0);
  const auto again =
      park_result(payload, dead_reason::attempts_exhausted, true, std::to_string(first));
  park_result(payload, dead_reason::attempts_exhausted, true, std::to_string(again));
  auto order = all();
  const auto outcome = run(order);
  CAF_CHECK_EQUAL(joined(verdicts()), "RESULT; NONE; NONE; ");
  CAF_CHECK_EQUAL(outcome.done, 1u);
  CAF_CHECK_EQUAL(outcome.copies, 2u);
  CAF_CHECK_EQUAL(steps.at(1).expected.detail,
                  "it came of a replay of letter 1, with which its message goes out already");
  CAF_CHECK_EQUAL(steps.at(2).replay_of.value_or(0), again);
  CAF_CHECK_EQUAL(results(), 1u);
  // Without that letter it goes, and so does one that is named.
  order.origin.stamp += 1;
  order.after = first;
  CAF_CHECK_EQUAL(judged(order), "RESULT; NONE; ");
  order.after = 0;
  order.origin.stamp += 1;
  order.seqs = {first, again};
  CAF_CHECK_EQUAL(judged(order), "RESULT; RESULT; ");
}

CAF_TEST(a request that leaves the record it has ended says so) {
  const auto seq = submission(1, "anna", 10);
  auto order = all();
  order.seqs = {seq};
  order.dry_run = true;
  order.set = {{"recordId", "777"}};
  CAF_CHECK_EQUAL(judged(order), "SUCCESS; ");
  CAF_CHECK(steps.at(0).done);
  CAF_CHECK_EQUAL(steps.at(0).expected.detail,
                  "record 1 has ended as FAILED, and its caller was told so; what goes out is "
                  "another request");
  order.payload = request(778, "anna", 10);
  order.set = {};
  run(order);
  CAF_CHECK(!steps.at(0).expected.detail.empty());
  order.seqs = {deposit(2, "anna", 10)}; // nobody was told anything
  order.payload.reset();
  order.set = {{"recordId", "779"}};
  run(order);
  CAF_CHECK(steps.at(0).expected.detail.empty());
}

CAF_TEST(what was mended since goes beside its letter) {
  const auto first = deposit(1, "anna", 10);
  const auto requests = [&] { return nats.stored(names::request_stream).size(); };
  const auto came_back = [&](const std::string& payload) {
    park("transaction.deposit", payload);
    nats.streams.at("TRANSACTION_DEAD_LETTERS")
        .messages.back()
        .headers.push_back({"Ledgerd-Replay-Of", std::to_string(first)});
  };
  came_back(request(1, "anna", 10));
  came_back(request(2, "anna", 12));
  CAF_CHECK_EQUAL(judged(all()), "SUCCESS; NONE; SUCCESS; ");
  CAF_CHECK_EQUAL(requests(), 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()
