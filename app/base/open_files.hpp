// How many files this process may have open, sockets included.
#pragma once

#include <cstddef>

namespace ledgerd {

// Raises the soft limit to the hard one, or to what is enough, which the usual 1,024 is far below:
// it protects programs that use select(2), and nothing here does. Called once, at the start.
void raise_open_files() noexcept;

// The limit of the moment.
std::size_t open_files_max() noexcept;

} // namespace ledgerd
