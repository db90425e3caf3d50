#include "app/daemon/audit_looks.hpp"

#include <algorithm>
#include <utility>

#include "actors/common/log.hpp"
#include "app/base/text.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds step_pause{50};
constexpr std::chrono::milliseconds step_short{100};
constexpr std::chrono::milliseconds step_long{400};
constexpr int pauses_per_step = 19; // while there is other work

database_time wall_clock() {
  return database_time{std::chrono::duration_cast<std::chrono::microseconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count()};
}

// By two clocks, the database's and the broker's may be ahead.
std::chrono::microseconds age_of(database_time time) {
  return std::max(std::chrono::microseconds{to_int(wall_clock()) - to_int(time)},
                  std::chrono::microseconds{0});
}

} // namespace

std::chrono::milliseconds audit_pace::behind(std::chrono::milliseconds took, bool busy) noexcept {
  if (took < step_short)
    at_most_ = std::min(most, at_most_ * 2);
  else if (took > step_long)
    at_most_ = std::max(least, at_most_ / 2);
  return busy ? std::max(step_pause, took * pauses_per_step) : step_pause;
}

audit_step audit_turn::next(bool on_duty, database_time now, database_time proven_to) {
  if (on_duty) {
    until_.reset();
    return looks_ ? audit_step::goes_on : audit_step::begins;
  }
  if (!looks_)
    return audit_step::rests;
  if (!until_)
    until_ = database_time{to_int(now) + overlap_.count()};
  if (proven_to < *until_)
    return audit_step::goes_on;
  until_.reset();
  looks_ = false;
  return audit_step::rests;
}

audit_looks::audit_looks(ledger_reader& ledger, broker& nats, audit_board& board, audit_duty duty,
                         const audit_times& times)
    : ledger_(ledger), nats_(nats), board_(board), duty_(std::move(duty)), times_(times),
      marks_(times.marks), turn_(times.overlap) {}

std::chrono::milliseconds audit_looks::look() {
  const auto off_duty = std::min(times_.interval, times_.marks.between);
  if (!nats_.connected())
    return off_duty;
  attend();
  const auto proven_to = audit_ ? audit_->proven_to() : database_time{};
  switch (turn_.next(duty_().has_value(), wall_clock(), proven_to)) {
  case audit_step::rests:
    board_.rests();
    return off_duty;
  case audit_step::begins:
    begin(marks_.at_hand(steady::now()));
    break;
  case audit_step::goes_on:
    break;
  }
  return step();
}

void audit_looks::attend() {
  if (!nats_.connected())
    return;
  const auto now = steady::now();
  if (marks_.is_due(now))
    marks_.put(take_mark(ledger_, nats_), now);
  watch_.looks(wall_clock());
}

void audit_looks::begin(const audit_mark& from) {
  if (audit_)
    audit_->skip_to(from);
  else
    audit_ = std::make_unique<steady_audit>(ledger_, nats_, from);
  board_.begins(age_of(audit_->seen_to()));
}

std::chrono::milliseconds audit_looks::step() {
  const auto began = steady::now();
  const bool caught_up = audit_->step(pace_.at_most(), watch_.since(), times_.patience);
  turn_.looked();
  report();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - began);
  const auto last = nats_.stream(names::request_stream).last_seq;
  const bool busy = std::exchange(last_request_, last) != last;
  if (!caught_up)
    return pace_.behind(took, busy);
  pace_.caught_up();
  return times_.interval;
}

void audit_looks::report() {
  board_.looked(audit_->checks(), age_of(audit_->seen_to()));
  const auto& listed = audit_->checks().findings().listed();
  for (; reported_ < listed.size(); ++reported_) {
    const auto& found = listed[reported_];
    log(log_event::audit_finding, {{"finding", to_text(found.kind)}, {"detail", found.detail}},
        "audit: {}: {}", to_text(found.kind), one_line(found.detail));
  }
}

} // namespace ledgerd
