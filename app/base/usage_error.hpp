// Wrong usage: a flag, variable, key or value that the contract does not allow. Exit code 2.
#pragma once

#include <stdexcept>

namespace ledgerd {

class usage_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

} // namespace ledgerd
