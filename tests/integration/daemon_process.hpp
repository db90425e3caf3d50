// The built daemon as a process of its own.
#pragma once

#include <csignal>
#include <cstddef>
#include <fstream>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "tests/support/private_servers.hpp"

namespace ledgerd::test {

// The built daemon, with the ledger role and no HTTP; killed by the destructor if it still runs.
class daemon_process {
public:
  // `flags` are added to the command. The process writes its id to `processes_file`, unless that is
  // empty, before it begins.
  daemon_process(const private_servers& servers, const std::string& flags,
                 const std::string& processes_file = {}) {
    auto command = std::string("exec ") + LEDGERD_PROGRAM
                   + " run --roles ledger --http-listen off --log-level warn " + flags;
    if (!processes_file.empty())
      command = "echo $$ > " + processes_file + " && " + command;
    const std::vector<std::string> environment{"PATH=/usr/bin:/bin",
                                               "LEDGERD_NATS_URL=" + servers.nats_url(),
                                               "LEDGERD_DATABASE_URL=" + servers.database_url()};
    std::vector<char*> variables;
    for (const auto& each : environment)
      variables.push_back(const_cast<char*>(each.c_str())); // NOLINT: execve takes them so
    variables.push_back(nullptr);
    std::string shell = "/bin/sh";
    std::string option = "-c";
    char* arguments[] = {shell.data(), option.data(), command.data(), nullptr};
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL); // a check that ends the test leaves nothing behind
      execve(shell.c_str(), arguments, variables.data());
      _exit(127);
    }
  }

  daemon_process(const daemon_process&) = delete;
  daemon_process& operator=(const daemon_process&) = delete;

  ~daemon_process() {
    if (alive())
      kill(pid_, SIGKILL);
    if (pid_ > 0)
      waitpid(pid_, nullptr, 0);
  }

  bool alive() { return pid_ > 0 && waitpid(pid_, &status_, WNOHANG) == 0; }

  // The most memory it has ever had, in bytes.
  std::size_t peak() const {
    std::ifstream file{"/proc/" + std::to_string(pid_) + "/status"};
    for (std::string word; file >> word;)
      if (std::size_t kilobytes = 0; word == "VmHWM:" && file >> kilobytes)
        return kilobytes * 1024;
    return 0;
  }

  int end() {
    kill(pid_, SIGTERM);
    waitpid(pid_, &status_, 0);
    pid_ = -1;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }

private:
  pid_t pid_ = -1;
  int status_ = 0;
};

} // namespace ledgerd::test
