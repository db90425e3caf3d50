#include "app/verbs/link_warnings.hpp"

#include "app/http/target.hpp"

namespace ledgerd {

namespace {

// What stands between scheme and credentials in front and a path behind.
std::string_view authority_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos)
    url.remove_prefix(scheme + 3);
  if (const auto at = url.rfind('@'); at != std::string_view::npos)
    url.remove_prefix(at + 1);
  return url.substr(0, url.find('/'));
}

} // namespace

std::vector<std::string> broker_link_warnings(std::string_view urls) {
  std::vector<std::string> result;
  while (!urls.empty()) {
    const auto comma = urls.find(',');
    const auto url = urls.substr(0, comma);
    urls.remove_prefix(comma == std::string_view::npos ? urls.size() : comma + 1);
    const auto host = read_host(authority_of(url));
    if (url.starts_with("tls://") || (host && is_loopback(*host)))
      continue;
    result.push_back("the connection to " + (host ? host->host : "a NATS server")
                     + " is not encrypted, and nothing verifies that it is that server: write "
                       "tls:// into nats-url");
  }
  return result;
}

} // namespace ledgerd
