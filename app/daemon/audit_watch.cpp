#include "app/daemon/audit_watch.hpp"

#include <exception>
#include <utility>

#include "app/audit/parted_pause.hpp"

namespace ledgerd {

audit_watch::audit_watch(std::unique_ptr<ledger_reader> ledger, broker& nats,
                         std::shared_ptr<audit_board> board, audit_duty duty,
                         const audit_times& times)
    : ledger_(std::move(ledger)), board_(std::move(board)), interval_(times.interval),
      attend_every_(times.marks.between) {
  if (!ledger_ || interval_.count() == 0)
    return;
  board_->opens(duty);
  thread_ = std::thread([this, &nats, duty = std::move(duty), times] {
    watch(audit_looks{*ledger_, nats, *board_, duty, times});
  });
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

void audit_watch::watch(audit_looks looks) {
  const auto attempt = [this](const auto& what) {
    try {
      what();
    } catch (const std::exception& e) {
      board_->delayed(e.what());
    }
  };
  std::chrono::milliseconds wait{};
  do {
    wait = interval_; // if this one fails
    attempt([&] {
      wait = looks.look();
      board_->goes_on();
    });
  } while (pause_in_parts(
      wait, attend_every_, [this](auto part) { return pause(part); },
      [&] { attempt([&] { looks.attend(); }); }));
}

} // namespace ledgerd
