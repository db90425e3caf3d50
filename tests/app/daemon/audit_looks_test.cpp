// Which node of a cluster audits, from where it begins, and what it says.
#include "app/daemon/audit_looks.hpp"

#include <memory>
#include <string>

#include "tests/app/audit/world.hpp"
#include "tests/app/daemon/deposit_ledger.hpp"

#define CAF_SUITE audit_looks
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

constexpr database_time at(std::int64_t seconds) {
  return database_time{seconds * 1'000'000};
}

// -1: it is not there.
std::int64_t value_of(const audit_board& board, const std::string& name) {
  for (const auto& each : board.metrics())
    if (each.name == "ledgerd_audit_" + name)
      return each.value;
  return -1;
}

// Rows that were decided an hour ago, so that whatever is without a result is found at once.
struct cluster {
  fake_broker nats;
  deposit_ledger ledger{nats, 0, now_us() - 3'600'000'000};

  void decide(int rows) {
    ledger.count_of_rows += rows;
    ledger.marked = ledger.count_of_rows;
  }

  void publish(std::int64_t record) {
    nats.store(
        {.subject = "transaction.result.deposit", .payload = encode_result(ledger.row(record), 0)});
  }

  void forge() {
    nats.store({.subject = "transaction.result.deposit",
                .payload = R"({"recordId":404,"status":"SUCCESS"})"});
  }

  // Row and result.
  void post(int rows) {
    for (int i = 0; i < rows; ++i) {
      decide(1);
      publish(ledger.count_of_rows);
    }
  }
};

// One of its nodes. A mark at each look; `marks_used` says how old the one is that is used.
struct node {
  explicit node(cluster& of, std::chrono::milliseconds marks_used = 1h,
                std::chrono::milliseconds overlap = -1min)
      : looks(of.ledger, of.nats, board, [this] { return duty; },
              {.interval = 1s, .marks = {0ms, marks_used}, .overlap = overlap, .patience = 0min}) {
    board.opens([this] { return duty; });
  }
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  void on(steady::duration since = 0s) { duty = steady::now() - since; }
  void off() { duty.reset(); }

  std::optional<steady::time_point> duty;
  audit_board board;
  audit_looks looks;
};

} // namespace

CAF_TEST(a node looks while it is its duty and until it has proven what was there by then) {
  audit_turn turn{60s};
  CAF_CHECK(turn.next(false, at(0), at(0)) == audit_step::rests);
  CAF_CHECK(turn.next(true, at(1), at(0)) == audit_step::begins);
  CAF_CHECK(turn.next(true, at(2), at(0)) == audit_step::begins); // the first look has failed
  turn.looked();
  CAF_CHECK(turn.next(true, at(3), at(0)) == audit_step::goes_on);
  CAF_CHECK(turn.next(false, at(100), at(70)) == audit_step::goes_on);
  CAF_CHECK(turn.next(false, at(159), at(129)) == audit_step::goes_on);
  CAF_CHECK(turn.next(false, at(189), at(159)) == audit_step::goes_on);
  CAF_CHECK(turn.next(false, at(190), at(160)) == audit_step::rests);
  CAF_CHECK(turn.next(false, at(300), at(160)) == audit_step::rests);
  CAF_CHECK(turn.next(true, at(400), at(160)) == audit_step::begins);
}

CAF_TEST(a node that gets the duty back meanwhile goes on) {
  audit_turn turn{60s};
  turn.next(true, at(0), at(0));
  turn.looked();
  CAF_CHECK(turn.next(false, at(100), at(70)) == audit_step::goes_on);
  CAF_CHECK(turn.next(true, at(200), at(170)) == audit_step::goes_on);
  CAF_CHECK(turn.next(false, at(300), at(270)) == audit_step::goes_on); // and counts anew
  CAF_CHECK(turn.next(false, at(391), at(361)) == audit_step::rests);
}

CAF_TEST(a node that loses the duty before its first look has nothing to go on with) {
  audit_turn turn{60s};
  CAF_CHECK(turn.next(true, at(0), at(0)) == audit_step::begins);
  CAF_CHECK(turn.next(false, at(1), at(0)) == audit_step::rests);
}

CAF_TEST(the mark at hand is the youngest that is old enough) {
  mark_shelf shelf{{3min, 12min}};
  const auto start = steady::time_point{} + 100h;
  CAF_CHECK(shelf.is_due(start));
  for (int minute = 0; minute <= 30; minute += 3) {
    shelf.put({.next_result = static_cast<std::uint64_t>(minute)}, start + 1min * minute);
    const auto wanted = static_cast<std::uint64_t>(std::max(0, minute - 12));
    CAF_CHECK_EQUAL(shelf.at_hand(start + 1min * minute).next_result, wanted);
  }
  CAF_CHECK_EQUAL(shelf.at_hand(start + 32min).next_result, 18u);
  CAF_CHECK_EQUAL(shelf.at_hand(start + 33min).next_result, 21u);
  CAF_CHECK_EQUAL(shelf.at_hand(start + 99min).next_result, 30u); // nobody could take another
  CAF_CHECK(!shelf.is_due(start + 32min));
  CAF_CHECK(shelf.is_due(start + 33min));
}

CAF_TEST(one node looks and the others keep marks) {
  cluster all;
  node one{all}, other{all};
  one.on();
  for (int i = 0; i < 3; ++i) {
    CAF_CHECK(one.looks.look() == 1s);
    CAF_CHECK(other.looks.look() == 0ms); // until the next mark is due
    all.post(10);
  }
  CAF_CHECK_EQUAL(value_of(one.board, "on_duty"), 1);
  CAF_CHECK_EQUAL(value_of(one.board, "rows_total"), 20);
  CAF_CHECK_EQUAL(value_of(one.board, "results_total"), 20);
  CAF_CHECK_EQUAL(value_of(one.board, "findings"), 0);
  CAF_CHECK_EQUAL(value_of(other.board, "on_duty"), 0);
  CAF_CHECK_EQUAL(other.board.metrics().size(), 1u);
}

CAF_TEST(the one that takes over looks at what the other had not seen) {
  cluster all;
  node one{all}, other{all}, young{all, 0ms};
  one.on();
  all.post(10);
  one.looks.look();
  other.looks.look();
  all.post(10);
  all.forge();
  all.post(10); // and nobody has looked at that when the first one dies
  for (auto* next : {&other, &young}) {
    next->on();
    next->looks.look();
  }
  CAF_CHECK_EQUAL(value_of(other.board, "findings"), 1);
  CAF_CHECK_EQUAL(value_of(other.board, "rows_total"), 20);
  CAF_CHECK_EQUAL(value_of(other.board, "results_total"), 21);
  CAF_CHECK_EQUAL(value_of(young.board, "rows_total"), 0);
}

// Whenever the mark is taken: before a row, between it and its result, or with results under way.
CAF_TEST(no row is missed a result that came before the mark) {
  for (std::size_t taken = 0; taken < 9; ++taken) {
    cluster all;
    node one{all};
    std::size_t step = 0;
    const auto maybe_mark = [&] {
      if (step++ == taken)
        one.looks.look();
    };
    all.decide(3);
    for (const std::int64_t record : {2, 1, 3}) {
      maybe_mark();
      all.publish(record);
      maybe_mark();
      all.decide(1);
      maybe_mark();
      all.publish(all.ledger.count_of_rows);
    }
    one.on();
    one.looks.look();
    one.looks.look();
    CAF_CHECK_EQUAL(value_of(one.board, "findings"), 0);
  }
}

CAF_TEST(no row is missed a result that came while the mark was taken) {
  cluster all;
  all.post(3);
  all.ledger.after_marks = [&] { all.post(1); };
  const auto mark = take_mark(all.ledger, all.nats);
  all.ledger.after_marks = [] {};
  steady_audit audit{all.ledger, all.nats, mark};
  CAF_CHECK(audit.step());
  CAF_CHECK_EQUAL(audit.checks().row_count(), 1u);
  CAF_CHECK(audit.checks().findings().empty());
}

CAF_TEST(a row that stays without a result is found after a take over) {
  cluster all;
  node one{all};
  one.looks.look();
  all.post(2);
  all.decide(1);
  all.post(2);
  one.on();
  one.looks.look();
  CAF_CHECK_EQUAL(value_of(one.board, "findings"), 1);
}

CAF_TEST(what a node has found stays and age and lag go when another one looks) {
  cluster all;
  node one{all};
  one.looks.look();
  all.post(1);
  all.forge();
  one.on();
  one.looks.look();
  CAF_CHECK_EQUAL(value_of(one.board, "findings"), 1);
  CAF_CHECK(value_of(one.board, "behind_seconds") >= 0);
  CAF_CHECK(value_of(one.board, "age_seconds") >= 0);
  one.off();
  all.post(1);
  one.looks.look();
  CAF_CHECK_EQUAL(value_of(one.board, "on_duty"), 0);
  CAF_CHECK_EQUAL(value_of(one.board, "findings"), 1);
  CAF_CHECK_EQUAL(value_of(one.board, "rows_total"), 1);
  CAF_CHECK_EQUAL(value_of(one.board, "behind_seconds"), -1);
  CAF_CHECK_EQUAL(value_of(one.board, "age_seconds"), -1);
}

CAF_TEST(a node that has lost the duty looks until the rows of before have rested) {
  cluster all;
  node one{all, 1h, 0ms}; // it has seen all but the last 30 s
  one.on();
  one.looks.look();
  one.off();
  CAF_CHECK(one.looks.look() == 1s);
  CAF_CHECK(value_of(one.board, "behind_seconds") >= 29);
}

CAF_TEST(a node that has lost the duty looks until no row of before waits for its result) {
  fake_broker nats;
  deposit_ledger ledger{nats, 0, now_us() - 300'000'000};
  audit_board board;
  std::optional<steady::time_point> duty = steady::now();
  board.opens([&] { return duty; });
  audit_looks looks{ledger,
                    nats,
                    board,
                    [&] { return duty; },
                    {.interval = 1s, .marks = {0ms, 1h}, .overlap = -60s}};
  looks.look();
  ledger.count_of_rows = ledger.marked = 1;
  looks.look();
  duty.reset();
  CAF_CHECK(looks.look() == 1s);
  CAF_CHECK(looks.look() == 1s);
  nats.store({.subject = "transaction.result.deposit", .payload = encode_result(ledger.row(1), 0)});
  CAF_CHECK(looks.look() == 1s);
  CAF_CHECK(looks.look() == 0ms);
  CAF_CHECK_EQUAL(value_of(board, "rows_total"), 1);
  CAF_CHECK_EQUAL(value_of(board, "findings"), 0);
}

CAF_TEST(a node that comes on duty again looks at nothing twice) {
  cluster all;
  node one{all};
  one.looks.look();
  all.post(5);
  all.forge();
  for (int i = 0; i < 2; ++i) {
    one.on();
    one.looks.look();
    one.off();
    one.looks.look();
    all.post(5);
  }
  CAF_CHECK_EQUAL(value_of(one.board, "rows_total"), 10);
  CAF_CHECK_EQUAL(value_of(one.board, "findings"), 1);
}

CAF_TEST(a mark that is further on is gone on from and what has been found stays) {
  cluster all;
  steady_audit audit{all.ledger, all.nats};
  all.forge();
  all.post(5);
  audit.step();
  all.decide(1); // the others look at that, and at its result
  all.post(4);
  all.publish(6);
  const auto mark = take_mark(all.ledger, all.nats);
  all.post(5);
  audit.skip_to(mark);
  audit.step();
  CAF_CHECK_EQUAL(audit.checks().row_count(), 10u);
  CAF_CHECK_EQUAL(audit.checks().result_count(), 11u);
  CAF_CHECK_EQUAL(text_of(audit.checks().findings().counts()), "1 result_without_posting");
}

CAF_TEST(how far it is behind is known from when the duty is its own) {
  audit_board board;
  CAF_CHECK(board.metrics().empty());
  std::optional<steady::time_point> duty;
  board.opens([&] { return duty; });
  CAF_CHECK_EQUAL(value_of(board, "on_duty"), 0);
  CAF_CHECK_EQUAL(value_of(board, "behind_seconds"), -1);
  duty = steady::now() - 100s; // and whoever is to look hangs
  CAF_CHECK_EQUAL(value_of(board, "on_duty"), 1);
  CAF_CHECK_EQUAL(value_of(board, "behind_seconds"), 100);
  CAF_CHECK_EQUAL(value_of(board, "age_seconds"), -1);
  CAF_CHECK_EQUAL(value_of(board, "findings"), -1);
  board.begins(800s);
  CAF_CHECK_EQUAL(value_of(board, "behind_seconds"), 800);
  CAF_CHECK_EQUAL(value_of(board, "age_seconds"), -1);
  board.looked(steady_checks{}, 90s);
  CAF_CHECK_EQUAL(value_of(board, "behind_seconds"), 90);
  CAF_CHECK_EQUAL(value_of(board, "age_seconds"), 0);
  CAF_CHECK_EQUAL(value_of(board, "findings"), 0);
}
