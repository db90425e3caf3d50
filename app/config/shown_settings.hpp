// A configuration as people are shown it.
#pragma once

#include "app/config/config.hpp"

namespace ledgerd {

// The options by their names, as texts that the file takes, without those that are not set; secrets
// are replaced by "<redacted>". What `print_config` prints.
setting_list shown_settings(const config& value);

} // namespace ledgerd
