#include <optional>

#include "persistence/record_store.hpp"

namespace ledgerd {

void ledger_view::hear(const ledger_marks& marks) noexcept {
  see(marks.highest_record);
  transaction_.store(to_int(marks.highest_transaction), std::memory_order_relaxed);
  heard_.store(true, std::memory_order_release);
}

void ledger_view::see(record_id id) noexcept {
  auto known = record_.load(std::memory_order_relaxed);
  while (known < to_int(id)
         && !record_.compare_exchange_weak(known, to_int(id), std::memory_order_relaxed))
    ;
}

std::optional<ledger_marks> ledger_view::marks() const noexcept {
  if (!heard_.load(std::memory_order_acquire))
    return std::nullopt;
  return ledger_marks{record_id{record_.load(std::memory_order_relaxed)},
                      transaction_id{transaction_.load(std::memory_order_relaxed)}};
}

} // namespace ledgerd
