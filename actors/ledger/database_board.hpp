// Why the ledger's database cannot do its part, as health sees it twice a second: a node with
// nothing to do has no commit that could fail. For the process. Any thread.
#pragma once

#include <string>

namespace ledgerd {

// Said after every look; an empty text takes back what was said.
void note_database_fault(const std::string& why);

// A sentence; empty: it does its part, or nobody has looked.
std::string database_fault_found();

} // namespace ledgerd
