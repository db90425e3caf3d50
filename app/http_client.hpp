// Asks a running daemon over HTTP.
#pragma once

#include <string>

#include "app/config.hpp"

namespace ledgerd {

struct http_answer {
  int status = 0;
  std::string body;
};

// GET http://HOST:PORT`path`, at most two seconds, without any proxy. Throws std::runtime_error
// with the reason when there is no answer.
http_answer http_get(const listen_address& where, const std::string& path);

} // namespace ledgerd
