// Asks a running daemon over HTTP.
#pragma once

#include <string>

#include "app/config/http_settings.hpp"

namespace ledgerd {

struct http_answer {
  int status = 0;
  std::string body;
};

// GET `path` from the daemon that listens as the configuration says, with the first token of its
// token file that may operate; at most two seconds, without any proxy. Precondition: `http_listen`
// is set. Throws std::runtime_error with the reason when there is no answer, or
// it wants another token.
http_answer http_get(const http_settings& settings, const std::string& path);

} // namespace ledgerd
