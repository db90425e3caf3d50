#include "messaging/nats/subject_match.hpp"

namespace ledgerd {

bool subject_matches(std::string_view pattern, std::string_view subject) noexcept {
  auto next_token = [](std::string_view& rest) {
    const auto dot = rest.find('.');
    const auto token = rest.substr(0, dot);
    rest.remove_prefix(dot == std::string_view::npos ? rest.size() : dot + 1);
    return token;
  };
  while (!pattern.empty() && !subject.empty()) {
    const auto wanted = next_token(pattern);
    const auto token = next_token(subject);
    if (wanted == ">")
      return true;
    if (wanted != "*" && wanted != token)
      return false;
  }
  return pattern.empty() && subject.empty();
}

} // namespace ledgerd
