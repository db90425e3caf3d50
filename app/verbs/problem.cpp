#include "app/verbs/problem.hpp"

#include <algorithm>
#include <iterator>

#include "app/base/output.hpp"
#include "domain/exit_code.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

struct problem {
  std::string_view code;
  int status;
  std::string_view title;
};

constexpr problem problems[] = {
    {"INTERNAL", 500, "Internal Server Error"},  {"MALFORMED_JSON", 400, "Bad Request"},
    {"INVALID_FIELD", 400, "Bad Request"},       {"NOT_FOUND", 404, "Not Found"},
    {"RECORD_ID_CONFLICT", 409, "Conflict"},     {"TOO_LARGE", 413, "Payload Too Large"},
    {"UNAVAILABLE", 503, "Service Unavailable"},
};

} // namespace

void print_problem(std::string_view code, std::string_view detail) {
  const auto* found = std::find_if(std::begin(problems), std::end(problems),
                                   [&](const problem& each) { return each.code == code; });
  // The others are reasons why something that was given is refused.
  const bool known = found != std::end(problems);
  print_lines(encode_problem(known ? found->status : 400, known ? found->title : "Bad Request",
                             code, detail));
}

std::string_view problem_code(int code) noexcept {
  switch (code) {
  case exit_code::answer_is_no:
    return "NOT_FOUND";
  case exit_code::wrong_usage:
    return "INVALID_FIELD";
  case exit_code::cannot_start:
    return "UNAVAILABLE";
  default:
    return "INTERNAL";
  }
}

} // namespace ledgerd
