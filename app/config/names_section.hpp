// The section [names] of the configuration file: what streams, subjects, consumers and schemas are
// called instead of their names in the contract.
#pragma once

#include <string>
#include <vector>

#include "app/config/config.hpp"

namespace ledgerd {

// The keys of the section.
std::vector<std::string> names_keys();

// False: there is no such key.
bool set_name(names_settings& names, const std::string& key, const std::string& value);

// The rules that the names break, alone and together with the other settings, one sentence each.
std::vector<std::string> names_faults(const config& settings);

// All names by their keys.
setting_list shown_names(const names_settings& names);

// Those that are not the contract's.
setting_list changed_names(const names_settings& names);

// From now on this process uses these. Before there is a second thread. What breaks a rule is left
// as the contract has it.
void use_names(const names_settings& names);

} // namespace ledgerd
