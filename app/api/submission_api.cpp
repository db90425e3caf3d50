#include "app/api/submission_api.hpp"

#include "app/http/server.hpp"

namespace ledgerd {

api_answer api_problem(int status, std::string_view code, std::string_view detail) {
  return {status, std::string{code}, http_problem(status, code, detail).body, {}};
}

} // namespace ledgerd
