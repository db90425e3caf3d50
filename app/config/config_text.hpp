// The configuration file as it is read. Any thread.
#pragma once

#include <string>

namespace ledgerd {

// At most 1 MiB of a regular file, or of /dev/null, which is an empty one; `fault` says why there
// is none. A pipe is refused, since SIGHUP reads the file again.
std::string read_config_text(const std::string& path, std::string& fault);

} // namespace ledgerd
