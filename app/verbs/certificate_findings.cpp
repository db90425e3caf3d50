#include "app/verbs/certificate_findings.hpp"

namespace ledgerd {

namespace {

constexpr std::chrono::days soon{30};

} // namespace

std::string describe(const used_certificate& one, std::chrono::sys_seconds today) {
  return one.validity ? describe(*one.validity, today) : "holds no certificate that can be read";
}

certificate_findings judge_certificates(const std::vector<used_certificate>& all,
                                        std::chrono::sys_seconds today) {
  certificate_findings found;
  for (const auto& each : all) {
    const auto state =
        each.validity ? state_of(*each.validity, today, soon) : certificate_state::expired;
    if (state == certificate_state::holds)
      continue;
    auto& to = state == certificate_state::ends_soon ? found.warnings : found.faults;
    to.push_back("the certificate " + each.name + " (" + each.file + ") " + describe(each, today)
                 + ": replace it");
  }
  return found;
}

} // namespace ledgerd
