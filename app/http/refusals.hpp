// What this process has refused over HTTP, by the code of the problem; health checks are none. Any
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace ledgerd {

// Codes are words of this program, never of a caller: there are about twenty.
void note_refusal(std::string_view code);

std::map<std::string, std::uint64_t, std::less<>> http_refusals();

} // namespace ledgerd
