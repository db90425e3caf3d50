#include "persistence/link_check.hpp"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <memory>
#include <netinet/in.h>
#include <unistd.h>

#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/session_opener.hpp"

namespace ledgerd {

namespace {

bool is_loopback(const std::string& address) {
  in_addr four{};
  in6_addr six{};
  if (inet_pton(AF_INET, address.c_str(), &four) == 1)
    return ntohl(four.s_addr) >> 24 == 127;
  return inet_pton(AF_INET6, address.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

// A socket's directory, or a number of this machine.
bool is_local(const database_link& link) {
  if (!link.address.empty())
    return is_loopback(link.address);
  return link.host.empty() || link.host.front() == '/' || link.host.front() == '@'
         || link.host == "localhost" || is_loopback(link.host);
}

// A parameter of an open connection, from wherever libpq has it.
std::string parameter_of(PGconn* connection, std::string_view name) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> all(PQconninfo(connection),
                                                                         PQconninfoFree);
  for (const auto* each = all.get(); each != nullptr && each->keyword != nullptr; ++each)
    if (name == each->keyword && each->val != nullptr)
      return each->val;
  return {};
}

// What libpq takes from the environment for what the URL leaves out.
connection_parameters with_defaults(const std::string& database_url) {
  auto values = parse_connection_string(database_url);
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> all(PQconndefaults(),
                                                                         PQconninfoFree);
  for (const auto* each = all.get(); each != nullptr && each->keyword != nullptr; ++each)
    if (each->val != nullptr)
      values.emplace(each->keyword, each->val);
  return values;
}

std::string text_or_empty(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

} // namespace

std::string link_warning(const database_link& link) {
  if (is_local(link) || (link.encrypted && link.sslmode == "verify-full"))
    return {};
  const auto who = "the connection to " + link.host;
  constexpr auto cure = ": write sslmode=verify-full and sslrootcert=FILE into the URL";
  if (!link.encrypted)
    return who + " is not encrypted, and nothing verifies that it is that server" + cure;
  if (link.sslmode == "verify-ca")
    return who
           + " is encrypted, and any server whose certificate that authority has signed is "
             "taken for it"
           + cure;
  return who + " is encrypted, but nothing verifies that it is that server (sslmode is "
         + link.sslmode + ")" + cure;
}

std::string link_warning(const std::string& database_url) {
  const auto opened = open_session(any_server_connection_string(database_url));
  auto* connection = opened.connection.get();
  return link_warning({.host = text_or_empty(PQhost(connection)),
                       .address = text_or_empty(PQhostaddr(connection)),
                       .encrypted = PQsslInUse(connection) == 1,
                       .sslmode = parameter_of(connection, "sslmode")});
}

database_certificates certificate_files(const std::string& database_url) {
  auto values = with_defaults(database_url);
  if (values["sslmode"] == "disable")
    return {};
  const auto if_there = [](const std::string& file) {
    return access(file.c_str(), F_OK) == 0 ? file : std::string();
  };
  return {if_there(values["sslcert"]), if_there(values["sslrootcert"])};
}

} // namespace ledgerd
