// Whether another living node has our name or serves another ledger, as health sees it. A node that
// is starting does not begin then. One that serves and whose name is taken works on, since accounts
// are owned by boot id, but somebody must look at it; beside a node of another ledger that serves
// too it pulls nothing. For the process. Any thread.
#pragma once

#include <string>

namespace ledgerd {

// Said regularly by the MEMBERSHIP; an empty text takes back what was said.
void note_namesake(const std::string& what);

// One sentence; empty: the name is ours alone.
std::string namesake_found();

// The same for a node of another ledger on this broker.
void note_stranger(const std::string& what);
std::string stranger_found();

} // namespace ledgerd
