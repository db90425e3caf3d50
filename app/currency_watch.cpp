#include "app/currency_watch.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

namespace ledgerd {

currency_watch::currency_watch(std::shared_ptr<currency_table> table, reader read,
                               std::chrono::milliseconds pause)
    : table_(std::move(table)), read_(std::move(read)), pause_(pause),
      thread_([this] { watch(); }) {}

currency_watch::~currency_watch() {
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
  }
  stopped_.notify_one();
  thread_.join();
}

void currency_watch::watch() {
  std::unique_lock lock{mutex_};
  while (!stopped_.wait_for(lock, pause_, [this] { return stop_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void currency_watch::look() {
  try {
    const auto [added, contrary] = table_->add(read_());
    for (const auto& row : added)
      spdlog::info("new currency {} with {} digits", row.code.text(), row.exponent);
    for (const auto& row : contrary) {
      const auto same = [&](const currency& other) {
        return other.code == row.code && other.exponent == row.exponent;
      };
      if (std::any_of(complained_.begin(), complained_.end(), same))
        continue;
      complained_.push_back(row);
      spdlog::error("currency {} was changed to {} digits: its balances are counted in {}, which "
                    "this daemon keeps to",
                    row.code.text(), row.exponent, *table_->exponent(row.code));
    }
  } catch (const std::exception& e) {
    // Whoever is away, readiness says so.
    spdlog::debug("currencies: {}", e.what());
  }
}

} // namespace ledgerd
