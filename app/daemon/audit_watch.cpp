#include "app/daemon/audit_watch.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "actors/common/log.hpp"
#include "app/base/text.hpp"
#include "app/operations/failed_looks.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds step_pause{50};
constexpr std::chrono::milliseconds step_short{100};
constexpr std::chrono::milliseconds step_long{400};
constexpr int pauses_per_step = 19; // while there is other work

metric series(const char* name, const char* help, metric_kind kind, std::int64_t value) {
  return {name, help, kind, {}, value, {}};
}

std::int64_t seconds_of(steady::duration time) {
  return std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

// By two clocks, the database's and the broker's may be ahead.
std::chrono::microseconds age_of(database_time time) {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return std::max(now - std::chrono::microseconds{to_int(time)}, std::chrono::microseconds{0});
}

} // namespace

std::chrono::milliseconds audit_pace::behind(std::chrono::milliseconds took, bool busy) noexcept {
  if (took < step_short)
    at_most_ = std::min(most, at_most_ * 2);
  else if (took > step_long)
    at_most_ = std::max(least, at_most_ / 2);
  return busy ? std::max(step_pause, took * pauses_per_step) : step_pause;
}

void audit_board::begins() {
  const std::lock_guard lock{mutex_};
  seen_to_ = steady::now();
}

void audit_board::looked(const steady_checks& checks, std::chrono::microseconds behind) {
  const std::lock_guard lock{mutex_};
  looked_ = true;
  findings_ = 0;
  for (const auto& [kind, count] : checks.findings().counts())
    findings_ += count;
  rows_ = checks.row_count();
  results_ = checks.result_count();
  at_ = steady::now();
  seen_to_ = at_ - behind;
}

void audit_board::delayed(const std::string& why) {
  const std::lock_guard lock{mutex_};
  if (is_line_due(++failed_))
    log(log_event::audit_delayed, {{"why", why}}, "audit: {} looks in a row have failed: {}",
        failed_, one_line(why));
}

void audit_board::goes_on() {
  const std::lock_guard lock{mutex_};
  if (std::exchange(failed_, 0) >= failed_looks_min)
    log(log_event::audit_goes_on, "audit: it looks again");
}

metrics_snapshot audit_board::metrics() const {
  const std::lock_guard lock{mutex_};
  const auto now = steady::now();
  metrics_snapshot all;
  if (seen_to_)
    all.push_back(
        series("ledgerd_audit_behind_seconds",
               "How long ago that was written up to which that audit has looked at everything.",
               metric_kind::gauge, seconds_of(now - *seen_to_)));
  if (!looked_)
    return all;
  all.insert(
      all.end(),
      {series("ledgerd_audit_findings",
              "What the daemon's own audit of new rows and results has found since it started.",
              metric_kind::gauge, findings_),
       series("ledgerd_audit_age_seconds", "How long ago that audit looked last.",
              metric_kind::gauge, seconds_of(now - at_)),
       series("ledgerd_audit_rows_total", "Rows that it has looked at.", metric_kind::counter,
              rows_),
       series("ledgerd_audit_results_total", "Results that it has looked at.", metric_kind::counter,
              results_)});
  return all;
}

http_routes with_audit(http_routes routes, std::shared_ptr<const audit_board> board) {
  routes.metrics = [inner = std::move(routes.metrics),
                    board = std::move(board)](std::function<void(metrics_snapshot)> answer) {
    inner([board, answer = std::move(answer)](metrics_snapshot all) {
      auto more = board->metrics();
      std::move(more.begin(), more.end(), std::back_inserter(all));
      answer(std::move(all));
    });
  };
  return routes;
}

audit_watch::audit_watch(std::unique_ptr<ledger_reader> ledger, broker& nats,
                         std::shared_ptr<audit_board> board, std::chrono::milliseconds interval)
    : ledger_(std::move(ledger)), nats_(nats), board_(std::move(board)), interval_(interval) {
  if (!ledger_ || interval_.count() == 0)
    return;
  board_->begins();
  thread_ = std::thread([this] { watch(); });
}

audit_watch::~audit_watch() {
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

// False: it is to stop.
bool audit_watch::pause(std::chrono::milliseconds time) {
  std::unique_lock lock{mutex_};
  return !changed_.wait_for(lock, time, [this] { return stop_; });
}

void audit_watch::watch() {
  auto wait = interval_;
  do {
    try {
      wait = look();
      board_->goes_on();
    } catch (const std::exception& e) {
      wait = interval_;
      board_->delayed(e.what());
    }
  } while (pause(wait));
}

std::chrono::milliseconds audit_watch::look() {
  if (!nats_.connected())
    return interval_;
  if (!audit_) {
    audit_ = std::make_unique<steady_audit>(*ledger_, nats_);
    return interval_;
  }
  const auto began = steady::now();
  const bool caught_up = audit_->step(pace_.at_most());
  report();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - began);
  const auto last = nats_.stream(names::request_stream).last_seq;
  const bool busy = std::exchange(last_request_, last) != last;
  if (!caught_up)
    return pace_.behind(took, busy);
  pace_.caught_up();
  return interval_;
}

void audit_watch::report() {
  board_->looked(audit_->checks(), age_of(audit_->seen_to()));
  const auto& listed = audit_->checks().findings().listed();
  for (; reported_ < listed.size(); ++reported_) {
    const auto& found = listed[reported_];
    log(log_event::audit_finding, {{"finding", to_text(found.kind)}, {"detail", found.detail}},
        "audit: {}: {}", to_text(found.kind), one_line(found.detail));
  }
}

} // namespace ledgerd
