// The certificates that a configuration names. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/base/certificate_validity.hpp"
#include "app/config/config.hpp"

namespace ledgerd {

// The name of the one that HTTP clients are shown.
inline constexpr std::string_view http_certificate_name = "http";

struct used_certificate {
  std::string name; // http, nats, database, account_database; with _ca: the authorities there
  std::string file;
  std::optional<certificate_validity> validity; // nothing: the file holds none that can be read
};

// Those of the links that this configuration makes, as their files are now: connections to NATS and
// PostgreSQL are made with them each time. Of a database's those that libpq would read, by the URL
// or the environment; none while the URL cannot be read.
std::vector<used_certificate> read_certificates(const config& settings);

} // namespace ledgerd
