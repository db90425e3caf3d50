// Completes a database URL with the limits and session settings the daemon relies on.
#pragma once

#include <string>
#include <string_view>

namespace ledgerd {

// The connection string for a database URL (a URI or key=value pairs), with time limits, keepalives
// and a fixed search path wherever the URL does not set them itself. `settings` are further server
// settings, written as the server's command line takes them (`-c name=value`); the URL's own
// `options` win over them. Throws std::runtime_error, never repeating the URL, when it cannot be
// understood.
std::string connection_string(const std::string& database_url, std::string_view settings = {});

// The same for a session that is also content with a read-only server, whatever the URL says.
std::string any_server_connection_string(const std::string& database_url);

} // namespace ledgerd
