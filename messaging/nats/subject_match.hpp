// Which subjects a pattern takes.
#pragma once

#include <string_view>

namespace ledgerd {

// True when a message on `subject` would be taken by a stream with the subject `pattern`.
bool subject_matches(std::string_view pattern, std::string_view subject) noexcept;

} // namespace ledgerd
