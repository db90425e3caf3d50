// The letters that no stream takes, as health sees them: a node with such letters works on, but is
// not ready.
//
// For all actors of the process together. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace ledgerd {

// Said regularly by whoever holds letters; `count` 0 takes back what was said.
void note_unplaced(const std::string& who, std::size_t count, std::chrono::milliseconds oldest,
                   const std::string& cause);

// What is said at present, as one text; empty: every letter has its place.
std::string unplaced_letters();

} // namespace ledgerd
