// Which parameters a route's query may have.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>

#include "app/http/server.hpp"

namespace ledgerd {

// The answer to a query with any other parameter: one that is misspelt would otherwise get an
// answer to a wider question. Pure; any thread.
std::optional<http_response> refuse_unknown_query(const http_request& request,
                                                  std::initializer_list<std::string_view> known);

} // namespace ledgerd
