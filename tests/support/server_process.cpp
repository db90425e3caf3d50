#include "tests/support/server_process.hpp"

#include <cstdlib>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "tests/support/cut_proxy.hpp"
#include "tests/support/shell.hpp"

namespace ledgerd::test {

namespace {

void script(const std::vector<std::string>& arguments) {
  std::string command = "bash " LEDGERD_SOURCE_DIR "/tests/support/server_process.sh";
  for (const auto& each : arguments)
    command += " " + quoted(each);
  output_of(command, arguments.front());
}

std::string fresh_directory() {
  std::string path = "/var/tmp/ledgerd-beside.XXXXXX";
  if (mkdtemp(path.data()) == nullptr)
    throw std::runtime_error("cannot make " + path);
  return path;
}

// Below the range that the kernel hands out by itself.
std::uint16_t free_port() {
  const int first = getpid() * 37 % 8000; // so that test programs at once do not choose the same
  for (int i = 0; i < 8000; ++i) {
    const auto port = static_cast<std::uint16_t>(12000 + (first + i) % 8000);
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(probe);
    if (free)
      return port;
  }
  throw std::runtime_error("no port is free");
}

struct url_parts {
  std::string user, password, database;
};

url_parts parts_of(const std::string& url) {
  const auto user = url.find("://") + 3;
  const auto colon = url.find(':', user), at = url.find('@', colon), slash = url.find('/', at);
  return {url.substr(user, colon - user), url.substr(colon + 1, at - colon - 1),
          url.substr(slash + 1)};
}

} // namespace

pooler::pooler(const std::string& database_url, const std::string& mode,
               const std::string& settings)
    : directory_(fresh_directory()) {
  const auto port = free_port();
  const auto parts = parts_of(database_url);
  script({"pooler", directory_, std::to_string(port), mode, settings,
          "127.0.0.1:" + std::to_string(port_of(database_url)), parts.database, parts.user,
          parts.password});
  url_ = with_port(database_url, port);
}

pooler::~pooler() {
  script({"remove", directory_});
}

void pooler::switch_mode(const std::string& mode) {
  script({"pool-mode", directory_, mode});
}

standby::standby(private_servers& primary)
    : primary_data_(primary.directory() + "/pg"), directory_(fresh_directory()),
      port_(free_port()) {
  script({"standby", directory_, std::to_string(port_), primary_data_,
          std::to_string(port_of(primary.database_url())),
          parts_of(primary.database_url()).password});
}

standby::~standby() {
  script({"remove", directory_});
}

void standby::promote() {
  script({"promote", directory_});
}

void exhaust_transaction_ids(const private_servers& of) {
  script({"exhaust", of.directory() + "/pg"});
}

void standby::freeze_primary(bool on) {
  script({"freeze", on ? "STOP" : "CONT", primary_data_});
}

} // namespace ledgerd::test
