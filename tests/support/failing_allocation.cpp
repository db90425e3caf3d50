#include "tests/support/failing_allocation.hpp"

#include <cstdlib>
#include <new>

namespace ledgerd::test {

std::atomic<bool (*)()> on_allocation = nullptr;

} // namespace ledgerd::test

// The library's other forms of operator new call this one; its operator delete frees.
void* operator new(std::size_t size) {
  const auto fails = ledgerd::test::on_allocation.load(std::memory_order_relaxed);
  if (fails != nullptr && fails())
    throw std::bad_alloc{};
  if (void* const got = std::malloc(size > 0 ? size : 1))
    return got;
  throw std::bad_alloc{};
}

void operator delete(void* pointer) noexcept {
  std::free(pointer);
}

void operator delete(void* pointer, std::size_t) noexcept {
  std::free(pointer);
}
