// What streams, subjects, consumers and schemas are called.
#pragma once

#include <vector>

#include "messaging/chosen_names.hpp"
#include "persistence/schema_names.hpp"

namespace ledgerd {

struct names_settings {
  std::vector<chosen_name> broker = contract_names();
  schema_names schemas;
};

} // namespace ledgerd
