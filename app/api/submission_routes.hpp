// The account side over HTTP: /v1/transactions, /v1/accounts, and /openapi.json that describes all.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/api/submission_api.hpp"
#include "app/http/server.hpp"

namespace ledgerd {

// The routes, which call `api` on the server's thread and answer when it does.
std::vector<http_route> make_submission_routes(std::shared_ptr<submission_api> api);

// How long a call with these values of the header Prefer wants to wait for the verdict (RFC 7240),
// at most prefer_wait_max; nothing when it has no such preference, or none that can be read.
std::optional<std::chrono::seconds> preferred_wait(const std::vector<std::string_view>& values);

// docs/openapi.json, which the build puts into the program.
const std::string& openapi_document();

} // namespace ledgerd
