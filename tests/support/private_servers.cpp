#include "tests/support/private_servers.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <unistd.h>

#include "tests/support/shell.hpp"

namespace ledgerd::test {

namespace {

std::string run(const std::string& command) {
  return output_of(command, command);
}

std::string servers(const std::string& verb, const std::string& directory) {
  return run(quoted(LEDGERD_SOURCE_DIR "/dev") + " servers " + verb + " --at " + quoted(directory));
}

std::string temporary_directory() {
  auto* base =
      std::getenv("TMPDIR"); // NOLINT(concurrency-mt-unsafe): nobody writes the environment
  std::string path = std::string{base == nullptr ? "/tmp" : base} + "/ledgerd-test.XXXXXX";
  if (mkdtemp(path.data()) == nullptr)
    throw std::runtime_error("cannot make " + path);
  // PostgreSQL runs as another user when the tests run as root.
  if (geteuid() == 0)
    run("chmod 711 " + quoted(path));
  return path;
}

std::string value_of(const std::string& lines, const std::string& name) {
  auto start = lines.find(name + "=");
  if (start == std::string::npos)
    return {};
  start += name.size() + 1;
  return lines.substr(start, lines.find('\n', start) - start);
}

// postgresql://ROLE:PASSWORD@HOST:PORT/DATABASE with another role or database.
std::string with_role(const std::string& url, const std::string& role) {
  auto start = url.find("://") + 3;
  return url.substr(0, start) + role + url.substr(url.find(':', start));
}

std::string with_database(const std::string& url, const std::string& database) {
  return url.substr(0, url.rfind('/') + 1) + database;
}

} // namespace

private_servers::private_servers(which wanted)
    : wanted_(wanted), directory_(temporary_directory()) {
  try {
    start();
  } catch (...) {
    servers("remove", directory_);
    throw;
  }
}

private_servers::~private_servers() {
  try {
    servers("remove", directory_);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "private servers: %s\n", error.what());
  }
}

void private_servers::start() {
  std::string verb = "start --owner " + std::to_string(getpid());
  if (wanted_ != which::both)
    verb += wanted_ == which::nats ? " --only nats" : " --only postgres";
  auto lines = servers(verb, directory_);
  nats_url_ = value_of(lines, "LEDGERD_NATS_URL");
  database_url_ = value_of(lines, "LEDGERD_DATABASE_URL");
}

std::string private_servers::fresh_database() {
  auto name = "test_" + std::to_string(++databases_made_);
  sql(with_database(database_url_, "postgres"), "CREATE DATABASE " + name + " OWNER ledgerd");
  return with_database(database_url_, name);
}

std::string private_servers::sql(const std::string& database_url,
                                 const std::string& statements) const {
  return run("psql -XAtq -v ON_ERROR_STOP=1 -d " + quoted(with_role(database_url, "postgres"))
             + " -c " + quoted(statements));
}

void private_servers::kill_nats() {
  servers("kill --only nats", directory_);
}

void private_servers::kill_postgres() {
  servers("kill --only postgres", directory_);
}

void private_servers::start_again() {
  servers(wanted_ == which::both   ? "start"
          : wanted_ == which::nats ? "start --only nats"
                                   : "start --only postgres",
          directory_);
}

} // namespace ledgerd::test
