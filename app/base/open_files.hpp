// The files this process has open, sockets included: how many it may, and the first three.
#pragma once

#include <cstddef>

namespace ledgerd {

// Raises the soft limit to the hard one, or to what is enough, which the usual 1,024 is far below:
// it protects programs that use select(2), and nothing here does. Called once, at the start.
void raise_open_files() noexcept;

// Puts a file that can be neither read nor written where stdin, stdout or stderr were closed, so
// that no socket or file takes their place and gets what is printed. Called before anything is
// opened.
void hold_standard_files() noexcept;

// The limit of the moment.
std::size_t open_files_max() noexcept;

} // namespace ledgerd
