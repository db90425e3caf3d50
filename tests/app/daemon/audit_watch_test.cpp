#include "app/daemon/audit_watch.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "actors/common/log.hpp"
#include "tests/app/daemon/deposit_ledger.hpp"

#define CAF_SUITE audit_watch
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

std::optional<std::chrono::steady_clock::time_point> always() {
  return std::chrono::steady_clock::now();
}

// -1: it is not there.
std::int64_t value_of(const audit_board& board, const std::string& name) {
  for (const auto& each : board.metrics())
    if (each.name == name)
      return each.value;
  return -1;
}

} // namespace

CAF_TEST(it keeps up while requests come) {
  fake_broker nats;
  const auto board = std::make_shared<audit_board>();
  const audit_watch watch(std::make_unique<deposit_ledger>(nats, 30'000, now_us() - 90'000'000),
                          nats, board, always, {.interval = 1h});
  // One that rests for its interval while it is behind has seen 2,000 by then.
  const auto until = std::chrono::steady_clock::now() + 26s;
  while (value_of(*board, "ledgerd_audit_rows_total") < 30'000
         && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(10ms);
  CAF_CHECK_EQUAL(value_of(*board, "ledgerd_audit_rows_total"), 30'000);
  CAF_CHECK_EQUAL(value_of(*board, "ledgerd_audit_findings"), 0);
}

CAF_TEST(a long pause is none in which nobody could look) {
  fake_broker nats;
  const auto board = std::make_shared<audit_board>();
  auto ledger = std::make_unique<deposit_ledger>(nats, 250, now_us() - 7'200'000'000);
  std::atomic<int> marks = 0;
  ledger->after_marks = [&] { ++marks; };
  const audit_watch watch(std::move(ledger), nats, board, always,
                          {.interval = 1h, .marks = {.between = 20ms, .used = 1h}});
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (marks < 10 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(10ms);
  CAF_CHECK(marks >= 10);
}

CAF_TEST(what has been looked at is known by its time) {
  fake_broker nats;
  deposit_ledger ledger(nats, 250, now_us() - 7'200'000'000);
  steady_audit audit(ledger, nats);
  CAF_CHECK(!audit.step(100));
  CAF_CHECK_EQUAL(to_int(audit.seen_to()), to_int(ledger.created(100)));
  CAF_CHECK(!audit.step(100));
  CAF_CHECK_EQUAL(to_int(audit.seen_to()), to_int(ledger.created(200)));
  CAF_CHECK(audit.step(100)); // but for what is too young to be looked at
  CAF_CHECK(to_int(audit.seen_to()) > now_us() - 60'000'000);
  CAF_CHECK(to_int(audit.seen_to()) <= now_us() - 30'000'000);
}

CAF_TEST(results that have not been looked at count as rows do) {
  fake_broker nats;
  deposit_ledger ledger(nats, 0, 0);
  steady_audit audit(ledger, nats);
  for (int i = 0; i < 3; ++i)
    nats.store({.subject = "transaction.result.deposit", .payload = "{}"});
  CAF_CHECK(!audit.step(2));
  const auto second = nats.stored(names::result_stream).at(1).stored_at_ns / 1000;
  CAF_CHECK_EQUAL(to_int(audit.seen_to()), second);
  CAF_CHECK(audit.step(2));
  CAF_CHECK(to_int(audit.seen_to()) > now_us() - 60'000'000);
}

// A limit of the stream takes what is old: its rows are not without a result.
CAF_TEST(results that are deleted before they are looked at prove nothing) {
  for (const bool made_anew : {false, true}) {
    fake_broker nats;
    deposit_ledger ledger(nats, 250, now_us() - 7'200'000'000);
    steady_audit audit(ledger, nats);
    CAF_CHECK(!audit.step(200));
    auto& results = nats.streams.at(std::string(names::result_stream));
    if (made_anew)
      ++results.created_at_ns;
    else
      results.last_seq = 299; // and none of them is there
    CAF_CHECK(audit.step(200));
    CAF_CHECK_EQUAL(audit.checks().row_count(), 250u);
    CAF_CHECK(audit.checks().findings().empty());
  }
}

CAF_TEST(an audit that is switched off shows nothing) {
  fake_broker nats;
  const auto board = std::make_shared<audit_board>();
  const audit_watch none(nullptr, nats, board, always, {.interval = 1s});
  const audit_watch off(std::make_unique<deposit_ledger>(nats, 1, 0), nats, board, always,
                        {.interval = 0s});
  CAF_CHECK(board->metrics().empty());
}

CAF_TEST(a step that is behind takes a twentieth of the time beside other work) {
  audit_pace pace;
  CAF_CHECK_EQUAL(pace.at_most(), audit_pace::usual);
  CAF_CHECK(pace.behind(200ms, true) == 3800ms);
  CAF_CHECK(pace.behind(200ms, false) == 50ms);
  CAF_CHECK(pace.behind(101ms, true) == 1919ms);
  CAF_CHECK_EQUAL(pace.at_most(), audit_pace::usual);
  CAF_CHECK(pace.behind(1ms, true) == 50ms);
  CAF_CHECK_EQUAL(pace.at_most(), 2 * audit_pace::usual);
}

CAF_TEST(steps grow and shrink with their time within bounds) {
  audit_pace pace;
  for (int i = 0; i < 10; ++i)
    pace.behind(10ms, true);
  CAF_CHECK_EQUAL(pace.at_most(), audit_pace::most);
  pace.behind(401ms, true);
  CAF_CHECK_EQUAL(pace.at_most(), audit_pace::most / 2);
  for (int i = 0; i < 10; ++i)
    pace.behind(4s, false);
  CAF_CHECK_EQUAL(pace.at_most(), audit_pace::least);
  pace.caught_up();
  CAF_CHECK_EQUAL(pace.at_most(), audit_pace::usual);
}

CAF_TEST(looks that fail are said from the third in a row on) {
  std::vector<std::string> said;
  on_change([&](const log_change& line) { said.push_back(line.sentence); });
  audit_board board;
  board.goes_on();
  board.delayed("no answer");
  board.delayed("no answer");
  board.goes_on();
  board.delayed("no answer");
  board.delayed("no answer");
  CAF_CHECK(said.empty());
  board.delayed("no right");
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0], "audit: 3 looks in a row have failed: no right");
  for (int i = 0; i < 30; ++i)
    board.delayed("no right");
  CAF_REQUIRE_EQUAL(said.size(), 2u);
  CAF_CHECK_EQUAL(said[1], "audit: 33 looks in a row have failed: no right");
  board.goes_on();
  board.goes_on();
  CAF_REQUIRE_EQUAL(said.size(), 3u);
  CAF_CHECK_EQUAL(said[2], "audit: it looks again");
  on_change(nullptr);
}
