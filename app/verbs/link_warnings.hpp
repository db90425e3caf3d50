// What `check` says of a broker that is reached in the clear. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

// One sentence, without secrets, for each of the URLs that is not of this machine and does not
// begin with tls://.
std::vector<std::string> broker_link_warnings(std::string_view urls);

} // namespace ledgerd
