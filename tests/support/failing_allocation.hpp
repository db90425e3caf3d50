// operator new of a test program, which fails when it is told to.
#pragma once

#include <atomic>

namespace ledgerd::test {

// Asked before every allocation; true: it fails. Must not allocate.
extern std::atomic<bool (*)()> on_allocation;

} // namespace ledgerd::test
