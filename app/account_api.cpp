#include "app/account_api.hpp"

#include "messaging/account_codec.hpp"

namespace ledgerd {

namespace {

std::string_view title_of(int status) {
  switch (status) {
  case 400:
    return "Bad Request";
  case 404:
    return "Not Found";
  case 409:
    return "Conflict";
  case 413:
    return "Payload Too Large";
  default:
    return "Service Unavailable";
  }
}

} // namespace

api_answer api_problem(int status, std::string_view code, std::string_view detail) {
  return {status, std::string{code}, encode_problem(status, title_of(status), code, detail), {}};
}

} // namespace ledgerd
