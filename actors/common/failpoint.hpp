// Places where a test makes the program fail on purpose. Without the CMake option
// LEDGERD_FAILPOINTS nothing of it is compiled in but an empty function.
#pragma once

#include <string_view>

namespace ledgerd {

// Does what the environment variable FAILPOINTS says of `name`, in a comma-separated list:
// `name=throw` throws std::runtime_error, `name=hang` never returns. Any thread.
void failpoint(std::string_view name);

} // namespace ledgerd
