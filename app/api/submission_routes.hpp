// The account side over HTTP: /v1/transactions, /v1/accounts, and /openapi.json that describes all.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/api/submission_api.hpp"
#include "app/http/server.hpp"

namespace ledgerd {

// The routes, which call `api` on the server's thread and answer when it does.
std::vector<http_route> make_submission_routes(std::shared_ptr<submission_api> api);

// docs/openapi.json, which the build puts into the program.
const std::string& openapi_document();

} // namespace ledgerd
