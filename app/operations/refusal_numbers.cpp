#include "app/operations/refusal_numbers.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "actors/common/question_board.hpp"
#include "app/http/refusals.hpp"

namespace ledgerd {

namespace {

using counts = std::map<std::string, std::uint64_t, std::less<>>;

constexpr const char* codes[] = {"MALFORMED_JSON",
                                 "INVALID_FIELD",
                                 "MALFORMED_REQUEST",
                                 "UNAUTHORIZED",
                                 "FORBIDDEN",
                                 "NOT_FOUND",
                                 "METHOD_NOT_ALLOWED",
                                 "REQUEST_TIMEOUT",
                                 "IDEMPOTENCY_CONFLICT",
                                 "RECORD_ID_CONFLICT",
                                 "LENGTH_REQUIRED",
                                 "TOO_LARGE",
                                 "UNSUPPORTED_MEDIA_TYPE",
                                 "EXPECTATION_FAILED",
                                 "MISDIRECTED_REQUEST",
                                 "RATE_LIMITED",
                                 "HEADERS_TOO_LARGE",
                                 "INTERNAL",
                                 "UNAVAILABLE"};

void add(metrics_snapshot& to, const char* door, counts refused) {
  for (const auto* code : codes)
    refused.try_emplace(code, 0);
  for (const auto& [code, count] : refused)
    to.push_back({"ledgerd_door_refusals_total",
                  "What was refused at the doors, by the code of the problem; health checks are "
                  "none.",
                  metric_kind::counter,
                  {{"door", door}, {"code", code}},
                  static_cast<std::int64_t>(count)});
}

} // namespace

metrics_snapshot refusal_numbers() {
  metrics_snapshot result;
  add(result, "http", http_refusals());
  add(result, "nats", questions_refused());
  return result;
}

} // namespace ledgerd
