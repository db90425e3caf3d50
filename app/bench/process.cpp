#include "app/bench/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace ledgerd {

namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& each : texts)
    result.push_back(each.data());
  result.push_back(nullptr);
  return result;
}

std::chrono::microseconds to_duration(const timeval& t) {
  return std::chrono::seconds{t.tv_sec} + std::chrono::microseconds{t.tv_usec};
}

} // namespace

contender_process::contender_process(std::vector<std::string> arguments,
                                     std::vector<std::string> environment,
                                     const std::string& log_file)
    : log_file_(log_file) {
  arguments.insert(arguments.begin(), "ledgerd");
  for (char** each = environ; *each != nullptr; ++each)
    environment.emplace_back(*each);
  auto argv = pointers(arguments);
  auto envp = pointers(environment);
  const auto parent = getpid();
  pid_ = fork();
  if (pid_ < 0)
    throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    // A benchmark that is killed leaves no daemon behind, which would take part in the next one.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
      _exit(127);
    const auto log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execve("/proc/self/exe", argv.data(), envp.data());
    _exit(127);
  }
}

contender_process::~contender_process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void contender_process::expect_running() {
  if (waitpid(pid_, nullptr, WNOHANG) == 0)
    return;
  pid_ = -1;
  throw std::runtime_error("a contender ended by itself, see " + log_file_);
}

process_usage contender_process::stop() {
  kill(pid_, SIGTERM);
  int status = 0;
  rusage used{};
  while (wait4(pid_, &status, 0, &used) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error("a contender did not stop in order, see " + log_file_);
  return {to_duration(used.ru_utime) + to_duration(used.ru_stime),
          static_cast<std::uint64_t>(used.ru_maxrss)};
}

std::chrono::microseconds machine_cpu() {
  std::ifstream stat{"/proc/stat"};
  std::string label;
  std::int64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0;
  stat >> label >> user >> nice >> system >> idle >> iowait >> irq >> softirq;
  const auto ticks = user + nice + system + irq + softirq;
  return std::chrono::microseconds{ticks * 1'000'000 / sysconf(_SC_CLK_TCK)};
}

} // namespace ledgerd
