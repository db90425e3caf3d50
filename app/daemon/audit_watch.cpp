#include "app/daemon/audit_watch.hpp"

#include <exception>
#include <iterator>
#include <utility>

#include "actors/common/log.hpp"
#include "app/base/text.hpp"
#include "app/operations/failed_looks.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

constexpr std::chrono::milliseconds step_pause{50};
constexpr int steps_max = 200; // at one look

metric series(const char* name, const char* help, metric_kind kind, std::uint64_t value) {
  return {name, help, kind, {}, static_cast<std::int64_t>(value), {}};
}

} // namespace

void audit_board::looked(const steady_checks& checks) {
  const std::lock_guard lock{mutex_};
  looked_ = true;
  findings_ = 0;
  for (const auto& [kind, count] : checks.findings().counts())
    findings_ += count;
  rows_ = checks.row_count();
  results_ = checks.result_count();
  at_ = std::chrono::steady_clock::now();
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
  if (!looked_)
    return {};
  const auto age =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - at_);
  return {series("ledgerd_audit_findings",
                 "What the daemon's own audit of new rows and results has found since it started.",
                 metric_kind::gauge, findings_),
          series("ledgerd_audit_age_seconds", "How long ago that audit looked last.",
                 metric_kind::gauge, static_cast<std::uint64_t>(age.count())),
          series("ledgerd_audit_rows_total", "Rows that it has looked at.", metric_kind::counter,
                 rows_),
          series("ledgerd_audit_results_total", "Results that it has looked at.",
                 metric_kind::counter, results_)};
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
  if (ledger_ && interval_.count() > 0)
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
  do {
    try {
      look();
      board_->goes_on();
    } catch (const std::exception& e) {
      board_->delayed(e.what());
    }
  } while (pause(interval_));
}

void audit_watch::look() {
  if (!nats_.connected())
    return;
  if (!audit_) {
    audit_ = std::make_unique<steady_audit>(*ledger_, nats_);
    return;
  }
  for (int i = 0; i < steps_max; ++i) {
    const bool caught_up = audit_->step();
    report();
    const auto last = nats_.stream(names::request_stream).last_seq;
    const bool busy = std::exchange(last_request_, last) != last;
    if (caught_up || busy || !pause(step_pause))
      return;
  }
}

void audit_watch::report() {
  board_->looked(audit_->checks());
  const auto& listed = audit_->checks().findings().listed();
  for (; reported_ < listed.size(); ++reported_) {
    const auto& found = listed[reported_];
    log(log_event::audit_finding, {{"finding", to_text(found.kind)}, {"detail", found.detail}},
        "audit: {}: {}", to_text(found.kind), one_line(found.detail));
  }
}

} // namespace ledgerd
