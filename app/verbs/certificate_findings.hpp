// What `check` says of certificates. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "app/config/certificate_files.hpp"

namespace ledgerd {

struct certificate_findings {
  std::vector<std::string> faults;   // nobody takes one of these
  std::vector<std::string> warnings; // less than 30 days are left
};

certificate_findings judge_certificates(const std::vector<used_certificate>& all,
                                        std::chrono::sys_seconds today);

// From when to when it holds, as the end of a sentence.
std::string describe(const used_certificate& one, std::chrono::sys_seconds today);

} // namespace ledgerd
