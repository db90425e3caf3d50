#include "app/daemon/currency_watch.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "actors/common/log.hpp"

namespace ledgerd {

currency_watch::currency_watch(std::shared_ptr<currency_table> table, reader read,
                               std::chrono::milliseconds pause, std::chrono::milliseconds rest)
    : table_(std::move(table)), read_(std::move(read)), pause_(pause), rest_(rest),
      thread_([this] { watch(); }) {}

void currency_watch::stop() {
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
  }
  rung_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

std::uint64_t currency_watch::request() {
  const std::lock_guard lock{mutex_};
  requested_ = begun_ + 1;
  rung_.notify_one();
  return requested_;
}

void currency_watch::request(std::function<void(bool)> then) {
  {
    const std::lock_guard lock{mutex_};
    if (!stop_) {
      requested_ = begun_ + 1;
      waiting_.push_back(std::move(then));
      rung_.notify_one();
      return;
    }
  }
  then(false);
}

void currency_watch::watch() {
  std::unique_lock lock{mutex_};
  const auto is_asked = [this] { return stop_ || (requested_ > done_ && requested_ > begun_); };
  while (!stop_) {
    // A look that failed is tried again soon for those who asked for it.
    const auto failed = requested_ > done_ && requested_ <= begun_;
    rung_.wait_for(lock, failed ? std::min(pause_, 5 * rest_) : pause_, is_asked);
    if (stop_)
      break;
    const auto number = failed ? begun_ : ++begun_;
    const auto told = std::exchange(waiting_, {});
    lock.unlock();
    const bool went_well = look();
    if (went_well)
      done_ = number;
    for (const auto& then : told)
      then(went_well);
    lock.lock();
    rung_.wait_for(lock, std::min(pause_, rest_), [this] { return stop_; });
  }
  const auto told = std::exchange(waiting_, {});
  lock.unlock();
  for (const auto& then : told)
    then(false);
}

bool currency_watch::look() {
  try {
    const auto [added, contrary] = table_->add(read_());
    for (const auto& row : added)
      log(log_event::currency_added, {{"currency", row.code.text()}, {"exponent", row.exponent}},
          "new currency {} with {} digits", row.code.text(), row.exponent);
    for (const auto& row : contrary) {
      const auto same = [&](const currency& other) {
        return other.code == row.code && other.exponent == row.exponent;
      };
      if (std::any_of(complained_.begin(), complained_.end(), same))
        continue;
      complained_.push_back(row);
      log(log_event::currency_contrary, {{"currency", row.code.text()}, {"exponent", row.exponent}},
          "currency {} was changed to {} digits: its balances are counted in {}, which "
          "this daemon keeps to",
          row.code.text(), row.exponent, *table_->exponent(row.code));
    }
    return true;
  } catch (const std::exception& e) {
    // Whoever is away, readiness says so; but a right that was taken shows nowhere else.
    if (const auto more = lines_.admit("unread", std::chrono::steady_clock::now()))
      log(log_event::currencies_unread,
          "currencies: {}: requests in a currency that is not known yet wait{}", e.what(),
          left_out_text(*more));
    return false;
  }
}

} // namespace ledgerd
