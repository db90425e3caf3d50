// Completes a database URL with the limits and session settings the daemon relies on.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace ledgerd {

// The connection string for a database URL (a URI or key=value pairs), with time limits, keepalives
// and a fixed search path wherever the URL does not set them itself. `settings` are further server
// settings, written as the server's command line takes them (`-c name=value`); the URL's own
// `options` win over them. Throws std::runtime_error, never repeating the URL, when it cannot be
// understood.
std::string connection_string(const std::string& database_url, std::string_view settings = {});

// The parts of a connection string by name, and the string that they make.
using connection_parameters = std::map<std::string, std::string>;
connection_parameters parse_connection_string(const std::string& text);
std::string to_text(const connection_parameters& values);

// The server settings among a connection string's options, as statements: for a session whose
// options were dropped on the way, by a pooler.
std::string settings_as_statements(const std::string& connection_string);

// The name of a setting that every session is given: where it is missing, the options were dropped.
constexpr std::string_view session_mark = "ledgerd.session";

// The same for a session that is also content with a read-only server, whatever the URL says.
std::string any_server_connection_string(const std::string& database_url);

} // namespace ledgerd
