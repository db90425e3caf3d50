#include "app/daemon/certificate_watch.hpp"

#include <utility>

#include "actors/common/log.hpp"
#include "app/base/signals_blocked.hpp"

namespace ledgerd {

namespace {

using word = certificate_words::word;

word judge(const used_certificate& seen, std::chrono::sys_seconds today) {
  if (!seen.validity)
    return word::invalid;
  switch (state_of(*seen.validity, today, certificate_words::soon)) {
  case certificate_state::holds:
    break;
  case certificate_state::ends_soon:
    return word::expires;
  case certificate_state::expired:
  case certificate_state::not_yet:
    return word::invalid;
  }
  return word::nothing;
}

std::chrono::sys_seconds system_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

void tell(word what, const used_certificate& seen, std::chrono::sys_seconds today) {
  const auto why = seen.validity ? describe(*seen.validity, today) : "cannot be read";
  if (what == word::expires)
    log(log_event::certificate_expires,
        {{"certificate", seen.name}, {"file", seen.file}, {"why", why}},
        "the certificate {} ({}) {}: replace it", seen.name, seen.file, why);
  else if (what == word::invalid)
    log(log_event::certificate_invalid,
        {{"certificate", seen.name}, {"file", seen.file}, {"why", why}},
        "the certificate {} ({}) {}: new connections are refused", seen.name, seen.file, why);
}

} // namespace

word certificate_words::look(const used_certificate& seen, std::chrono::sys_seconds today,
                             time_point now) {
  const auto what = judge(seen, today);
  auto& last = said_[seen.name];
  const bool is_new = what != last.what || seen.validity != last.of;
  const std::chrono::hours pause = what == word::expires ? pause_when_soon : pause_when_invalid;
  if (!is_new && now - last.at < pause)
    return word::nothing;
  last = {what, seen.validity, now};
  return what;
}

void certificate_board::looked(std::vector<used_certificate> seen) {
  const std::lock_guard lock{mutex_};
  seen_ = std::move(seen);
}

metrics_snapshot certificate_board::metrics() const {
  const std::lock_guard lock{mutex_};
  metrics_snapshot result;
  for (const auto& each : seen_)
    result.push_back(
        {.name = "ledgerd_certificate_expiration_timestamp_seconds",
         .help = "When a certificate ends that this node uses, the first of its "
                 "chain, in seconds since 1970; 0: it cannot be read.",
         .kind = metric_kind::gauge,
         .labels = {{"certificate", each.name}},
         .value = each.validity ? each.validity->not_after.time_since_epoch().count() : 0});
  return result;
}

certificate_watch::certificate_watch(const config& settings, http_files& files,
                                     std::shared_ptr<certificate_board> board,
                                     std::chrono::milliseconds pause)
    : settings_(settings), files_(files), board_(std::move(board)), pause_(pause) {
  const signals_blocked while_starting;
  thread_ = std::thread{[this] { watch(); }};
}

certificate_watch::~certificate_watch() {
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void certificate_watch::watch() {
  std::unique_lock lock{mutex_};
  while (!stop_) {
    lock.unlock();
    look();
    lock.lock();
    changed_.wait_for(lock, pause_, [this] { return stop_; });
  }
}

void certificate_watch::look() {
  files_.look();
  auto seen = read_certificates(settings_);
  for (auto& each : seen) {
    if (each.name == http_certificate_name)
      each.validity = files_.validity(); // the one that is shown, whatever is in its file
    const auto today = system_now();
    tell(words_.look(each, today, std::chrono::steady_clock::now()), each, today);
  }
  board_->looked(std::move(seen));
}

} // namespace ledgerd
