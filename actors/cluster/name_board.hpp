// Whether another living node has our name, as health sees it: a node whose name is taken works on,
// since accounts are owned by boot id, but somebody must look at it. For the process. Any thread.
#pragma once

#include <string>

namespace ledgerd {

// Said regularly by the MEMBERSHIP; an empty text takes back what was said.
void note_namesake(const std::string& what);

// One sentence; empty: the name is ours alone.
std::string namesake_found();

} // namespace ledgerd
