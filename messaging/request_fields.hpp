// The names of the fields of a request. Pure; any thread.
#pragma once

#include <string>
#include <vector>

namespace ledgerd {

// Those that `decode_entry` reads, in the order in which their rules are looked at. Whatever else
// stands in a request it ignores or refuses, as `request_rules` says.
std::vector<std::string> request_field_names();

} // namespace ledgerd
