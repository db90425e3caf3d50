// Whether a ledger's content is what the rules say it must be.
#pragma once

#include <string>

#include "tests/support/memory_store.hpp"

namespace ledgerd::test {

// Replays every account's postings through `decide`; a sentence for the first thing that does not
// follow, else empty.
std::string chain_fault(const memory_database::content& content);

} // namespace ledgerd::test
