#include "app/http/known_query.hpp"

#include <algorithm>
#include <string>

namespace ledgerd {

std::optional<http_response> refuse_unknown_query(const http_request& request,
                                                  std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : request.query)
    if (std::find(known.begin(), known.end(), name) == known.end())
      return http_problem(400, "INVALID_FIELD", "field \"" + name + "\": is not known");
  return std::nullopt;
}

} // namespace ledgerd
