// GET /v1/trace/{recordId}: the story of one record.
#pragma once

#include <memory>
#include <vector>

#include "app/http/server.hpp"
#include "app/operations/work_desk.hpp"

namespace ledgerd {

std::vector<http_route> make_trace_routes(const std::shared_ptr<work_desk>& desk);

} // namespace ledgerd
