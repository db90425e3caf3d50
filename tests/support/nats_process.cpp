#include "tests/support/nats_process.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <sstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace ledgerd::test {

namespace {

using namespace std::chrono_literals;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Whether `how` (bind or connect) succeeds on a socket of its own.
template <class How>
bool try_socket(How how, std::uint16_t port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(port);
  const bool good = how(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return good;
}

std::string read_file(const std::string& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

} // namespace

std::uint16_t free_port() {
  static int next = getpid() * 37 % 8000; // so that test programs at once do not choose the same
  for (int i = 0; i < 8000; ++i) {
    const auto port = static_cast<std::uint16_t>(12000 + ++next % 8000);
    if (try_socket(bind, port))
      return port;
  }
  throw std::runtime_error("no port is free");
}

nats_process::nats_process(const std::string& configuration) : port_(free_port()) {
  directory_ = "/tmp/ledgerd-nats.XXXXXX";
  if (mkdtemp(directory_.data()) == nullptr)
    throw std::runtime_error("cannot make " + directory_);
  write(configuration);
  start();
}

void nats_process::write(std::string configuration) const {
  constexpr std::string_view mark = "$directory";
  for (auto at = configuration.find(mark); at != std::string::npos; at = configuration.find(mark))
    configuration.replace(at, mark.size(), directory_);
  std::ofstream{directory_ + "/conf"} << "host: \"127.0.0.1\"\nport: " << port_ << "\n"
                                      << configuration;
}

void nats_process::reload(const std::string& configuration) {
  write(configuration);
  ::kill(process_, SIGHUP);
}

nats_process::~nats_process() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void nats_process::start() {
  const auto configuration = directory_ + "/conf";
  const auto log = directory_ + "/log";
  const auto* named = std::getenv("NATS_SERVER"); // NOLINT(concurrency-mt-unsafe)
  const std::string program = named == nullptr ? "nats-server" : named;
  process_ = fork();
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (std::freopen(log.c_str(), "a", stderr) != nullptr)
      execlp(program.c_str(), program.c_str(), "-c", configuration.c_str(), nullptr);
    _exit(127);
  }
  for (const auto deadline = std::chrono::steady_clock::now() + 20s;;) {
    if (try_socket(connect, port_))
      return;
    if (waitpid(process_, nullptr, WNOHANG) == process_) {
      process_ = 0;
      throw std::runtime_error("nats-server has ended: " + read_file(log));
    }
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("nats-server does not listen: " + read_file(log));
    std::this_thread::sleep_for(20ms);
  }
}

void nats_process::kill() {
  if (process_ <= 0)
    return;
  ::kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = 0;
}

} // namespace ledgerd::test
