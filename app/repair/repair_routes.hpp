// Dead letters and actions over HTTP: /v1/dead-letters..., /v1/actions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/http/server.hpp"
#include "app/operations/work_desk.hpp"
#include "app/repair/repair.hpp"

namespace ledgerd {

// The routes; what they have to wait for is done at `desk`.
std::vector<http_route> make_repair_routes(const std::shared_ptr<work_desk>& desk);

// Reads the body of a replay or discard; the answer when it breaks a rule. Pure. `now_ns` is the
// time from which durations count, in nanoseconds since 1970.
std::variant<repair_order, http_response> read_repair_order(action_kind what, std::string_view body,
                                                            std::int64_t now_ns);

} // namespace ledgerd
