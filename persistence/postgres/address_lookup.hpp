// The addresses of a host's name, within a time limit: the system's own look-up has none.
//
// Any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace ledgerd {

// Numeric addresses for each of `hosts`, in their order; none for a host that is not known, or not
// yet at `deadline`. A look-up that takes longer goes on, and whoever asks next shares it.
std::vector<std::vector<std::string>>
look_up_addresses(const std::vector<std::string>& hosts,
                  std::chrono::steady_clock::time_point deadline);

} // namespace ledgerd
