#include "app/daemon/audit_board.hpp"

#include <algorithm>
#include <utility>

#include "actors/common/log.hpp"
#include "app/base/text.hpp"
#include "app/operations/failed_looks.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

metric series(const char* name, const char* help, metric_kind kind, std::int64_t value) {
  return {name, help, kind, {}, value, {}};
}

std::int64_t seconds_since(steady::time_point time) {
  return std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::seconds>(steady::now() - time).count());
}

} // namespace

void audit_board::opens(audit_duty duty) {
  const std::lock_guard lock{mutex_};
  duty_ = std::move(duty);
}

void audit_board::begins(std::chrono::microseconds behind) {
  const std::lock_guard lock{mutex_};
  seen_to_ = steady::now() - behind;
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
  seen_to_ = *at_ - behind;
}

void audit_board::rests() {
  const std::lock_guard lock{mutex_};
  at_.reset();
  seen_to_.reset();
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
  metrics_snapshot all;
  if (!duty_)
    return all;
  const auto on_duty_since = duty_();
  all.push_back(series("ledgerd_audit_on_duty",
                       "1: this node's own audit looks at new rows and results for all nodes; 0: "
                       "another node's does.",
                       metric_kind::gauge, on_duty_since ? 1 : 0));
  if (const auto seen_to = seen_to_ ? seen_to_ : on_duty_since)
    all.push_back(
        series("ledgerd_audit_behind_seconds",
               "How long ago that was written up to which that audit has looked at everything.",
               metric_kind::gauge, seconds_since(*seen_to)));
  if (at_)
    all.push_back(series("ledgerd_audit_age_seconds", "How long ago that audit looked last.",
                         metric_kind::gauge, seconds_since(*at_)));
  if (looked_)
    all.insert(
        all.end(),
        {series("ledgerd_audit_findings",
                "What the daemon's own audit of new rows and results has found since it started.",
                metric_kind::gauge, findings_),
         series("ledgerd_audit_rows_total", "Rows that it has looked at.", metric_kind::counter,
                rows_),
         series("ledgerd_audit_results_total", "Results that it has looked at.",
                metric_kind::counter, results_)});
  return all;
}

} // namespace ledgerd
