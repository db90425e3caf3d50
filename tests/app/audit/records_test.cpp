#include "app/audit/records.hpp"
#include "tests/app/audit/world.hpp"

#define CAF_SUITE audit_records
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

// A record with its verdict, and the row that says the same.
struct fixture {
  record_reader::audited_record record;
  audited_posting row;

  fixture() {
    auto& r = record.row;
    r.id = record_id{1'000'000'000'000'001};
    r.asked = {{"anna", *currency_code::parse("KRW")}, movement::withdrawal, money{70}};
    r.status = record_status::success;
    r.transaction = transaction_id{9};
    r.balance_after = money{30};
    record.stored_fingerprint = fingerprint(r.asked.account, r.asked.type, r.asked.amount);
    row.row.id = transaction_id{9};
    row.row.record = r.id;
    row.row.account = r.asked.account;
    row.row.type = r.asked.type;
    row.row.amount = r.asked.amount;
    row.row.balance_after = money{30};
  }

  void refuse() {
    record.row.status = record_status::failed;
    record.row.reason = "INSUFFICIENT_FUNDS";
    row.row.verdict = outcome::insufficient_funds;
  }

  // The ledger's row is about something else, and the record has failed for that.
  void collide() {
    row.row.amount = money{71};
    record.row.status = record_status::failed;
    record.row.reason = reason_record_id_conflict;
    record.row.transaction.reset();
    record.row.balance_after.reset();
  }

  std::string findings(bool with_row = true, bool live = false, std::int64_t now_us = 0) const {
    finding_list found;
    record_audit audit(live, found, now_us);
    audit.check({record}, with_row ? std::vector{row} : std::vector<audited_posting>{});
    CAF_CHECK_EQUAL(audit.records(), 1u);
    return text_of(found.counts());
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(audit_records_tests, fixture)

CAF_TEST(a record that says what its row says is in order) {
  CAF_CHECK_EQUAL(findings(), "nothing");
  refuse();
  CAF_CHECK_EQUAL(findings(), "nothing");
}

CAF_TEST(a record that failed for a taken record id is in order) {
  collide();
  CAF_CHECK_EQUAL(findings(), "nothing");
}

CAF_TEST(a record without a verdict is found unless the daemon is at work) {
  record.row.status = record_status::pending;
  CAF_CHECK_EQUAL(findings(false), "1 record_pending");
  CAF_CHECK_EQUAL(findings(true), "1 record_pending");
  CAF_CHECK_EQUAL(findings(false, true), "nothing");
}

CAF_TEST(a record that is without its verdict for an hour is found while the daemon is at work) {
  record.row.status = record_status::pending;
  constexpr std::int64_t hour = 3'600'000'000;
  const auto decided = to_int(row.row.created_at);
  CAF_CHECK_EQUAL(findings(true, true, decided + hour), "nothing");
  CAF_CHECK_EQUAL(findings(true, true, decided + hour + 1), "1 record_pending");
  CAF_CHECK_EQUAL(findings(false, true, decided + 2 * hour), "nothing"); // nobody has decided it
}

CAF_TEST(a verdict that the ledger never gave is found) {
  CAF_CHECK_EQUAL(findings(false), "1 record_without_posting");
}

CAF_TEST(a record whose request was parked has no row) {
  record.row.status = record_status::failed;
  record.row.transaction.reset();
  record.row.balance_after.reset();
  for (const auto* reason :
       {"ATTEMPTS_EXHAUSTED", "INVALID_FIELD", "MALFORMED_JSON", "TOO_LARGE"}) {
    record.row.reason = reason;
    CAF_CHECK_EQUAL(findings(false), "nothing");
    CAF_CHECK_EQUAL(findings(true), "1 record_differs");
  }
  for (const auto* reason : {"INSUFFICIENT_FUNDS", "RECORD_ID_CONFLICT", ""}) { // need a row
    record.row.reason = reason;
    CAF_CHECK_EQUAL(findings(false), "1 record_without_posting");
  }
  record.row.reason = "ATTEMPTS_EXHAUSTED";
  record.row.transaction = transaction_id{9};
  CAF_CHECK_EQUAL(findings(false), "1 record_without_posting");
}

CAF_TEST(every difference between a record and its row is found) {
  const auto found_after = [this](auto change) {
    fixture changed{*this};
    change(changed);
    return changed.findings();
  };
  using f = fixture;
  CAF_CHECK_EQUAL(found_after([](f& x) { x.record.row.transaction = transaction_id{8}; }),
                  "1 record_differs");
  CAF_CHECK_EQUAL(found_after([](f& x) { x.record.row.balance_after = money{31}; }),
                  "1 record_differs");
  CAF_CHECK_EQUAL(found_after([](f& x) { x.row.row.amount = money{71}; }), "1 record_differs");
  CAF_CHECK_EQUAL(found_after([](f& x) { x.row.row.type = movement::deposit; }),
                  "1 record_differs");
  CAF_CHECK_EQUAL(found_after([](f& x) { x.row.row.account.user_id = "bert"; }),
                  "1 record_differs");
  CAF_CHECK_EQUAL(found_after([](f& x) {
                    x.refuse();
                    x.record.row.reason = "BALANCE_OVERFLOW";
                  }),
                  "1 record_differs");
  CAF_CHECK_EQUAL(found_after([](f& x) {
                    x.refuse();
                    x.row.row.verdict = outcome::applied;
                  }),
                  "1 record_differs");
  CAF_CHECK_EQUAL(found_after([](f& x) {
                    x.collide();
                    x.row.row.amount = x.record.row.asked.amount;
                  }),
                  "1 record_differs");
}

CAF_TEST(the verdict of a row that was there before its record is found) {
  record.row.created_at = database_time{2'000'000};
  row.row.created_at = database_time{1'999'999};
  CAF_CHECK_EQUAL(findings(), "nothing"); // nobody knows how far the ledger was
  record.after_transaction = transaction_id{8};
  CAF_CHECK_EQUAL(findings(), "nothing"); // the clocks differ
  record.after_transaction = transaction_id{9};
  CAF_CHECK_EQUAL(findings(), "1 verdict_before_record");
  row.row.created_at = record.row.created_at;
  CAF_CHECK_EQUAL(findings(), "nothing"); // a restored ledger counts again
}

CAF_TEST(a checksum that is not that of the content is found) {
  record.stored_fingerprint += 1;
  CAF_CHECK_EQUAL(findings(), "1 record_fingerprint");
}

CAF_TEST_FIXTURE_SCOPE_END()
