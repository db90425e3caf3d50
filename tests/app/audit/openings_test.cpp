// What an import leaves behind, and the streams of the service before it.
#include <algorithm>

#include "domain/opening.hpp"
#include "tests/app/audit/facts.hpp"

#define CAF_SUITE audit_openings
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using kind = finding_kind;

// Opens an account that comes after all others.
posting& open(world& w, std::int64_t balance = 500) {
  const account_key zoe{"zoe", *currency_code::parse("KRW")};
  const auto asked = make_opening(zoe, money{balance}, 0);
  posting row{.id = transaction_id{1000},
              .record = asked.id,
              .account = zoe,
              .seq = 1,
              .type = asked.type,
              .amount = asked.amount,
              .verdict = outcome::applied,
              .balance_after = asked.amount,
              .created_at = w.rows.back().row.created_at};
  w.accounts.push_back({zoe, {asked.amount, 1}, row.created_at});
  w.rows.push_back({row, fingerprint(zoe, asked.type, asked.amount)});
  return w.rows.back().row;
}

void check(const std::string& name, const finding_counts& expected,
           const std::function<void(world&)>& damage) {
  CAF_MESSAGE(name);
  CAF_CHECK_EQUAL(findings_after(damage), text_of(expected));
}

} // namespace

CAF_TEST(an_opening_row_needs_no_request_and_no_result) {
  world w;
  open(w);
  const auto report = run(w);
  CAF_CHECK_EQUAL(text_of(report.findings.counts()), "nothing");
  CAF_CHECK_EQUAL(report.openings, 1u);
  CAF_CHECK_EQUAL(report.before_import, 0u);
}

CAF_TEST(a_row_that_only_seems_to_be_one_is_found) {
  const finding_counts unasked{{kind::posting_without_request, 1},
                               {kind::posting_without_result, 1}};
  check("under another id of the range", unasked,
        [](world& w) { open(w).record = record_id{opening_id_first}; });
  check("under another account's id", unasked, [](world& w) {
    open(w).record = opening_id({"ann", *currency_code::parse("KRW")}, 0);
  });
  check("with another balance", {{kind::account_differs, 1}, {kind::not_conserved, 1}},
        [](world& w) {
          open(w);
          w.accounts.back().head.balance = money{501};
        });
  check("with another amount",
        {{kind::wrong_balance, 1}, {kind::wrong_fingerprint, 1}, {kind::not_conserved, 1}},
        [](world& w) { open(w).amount = money{499}; });
}

CAF_TEST(what_another_service_has_dealt_with_is_not_judged) {
  const auto old_traffic = [](world& w) {
    w.requests.push_back(
        {12, 1'000, "transaction.deposit", R"({"recordId":9,"userId":"anna","amount":1})", {}});
    w.requests.push_back({13, 1'000, "transaction.deposit", "nonsense", {}});
    w.results.push_back({20, 1'000, "transaction.result.deposit", R"({"recordId":9})", {}});
    w.deposits.delivered = 13;
  };
  check("without an import", {{kind::request_unanswered, 2}, {kind::result_malformed, 1}},
        old_traffic);
  check("older than the import", {}, [&](world& w) {
    old_traffic(w);
    w.rules.began_at = 2;
  });
  check("younger than the import", {{kind::request_unanswered, 2}, {kind::result_malformed, 1}},
        [&](world& w) {
          old_traffic(w);
          w.rules.began_at = 1;
        });
  world w;
  old_traffic(w);
  w.rules.began_at = 2;
  CAF_CHECK_EQUAL(run(w).before_import, 3u);
}
