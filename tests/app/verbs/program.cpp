#include "tests/app/verbs/program.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

extern char** environ; // NOLINT(readability-redundant-declaration)

namespace ledgerd::test {

namespace {

struct pipe_ends {
  pipe_ends() {
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
      throw std::system_error{errno, std::generic_category(), "pipe2"};
  }
  ~pipe_ends() {
    close_end(0);
    close_end(1);
  }
  void close_end(std::size_t which) {
    if (ends[which] >= 0)
      close(std::exchange(ends[which], -1));
  }
  std::array<int, 2> ends{-1, -1};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts)
    result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

void read_both(pipe_ends& out, std::string& out_text, pipe_ends& err, std::string& err_text) {
  std::array<pollfd, 2> waits{pollfd{out.ends[0], POLLIN, 0}, pollfd{err.ends[0], POLLIN, 0}};
  std::array<std::string*, 2> texts{&out_text, &err_text};
  for (int open = 2; open > 0;) {
    poll(waits.data(), waits.size(), -1);
    for (std::size_t i = 0; i < waits.size(); ++i) {
      if (waits[i].fd < 0 || waits[i].revents == 0)
        continue;
      std::array<char, 4096> buffer{};
      const auto size = read(waits[i].fd, buffer.data(), buffer.size());
      if (size > 0) {
        texts[i]->append(buffer.data(), static_cast<std::size_t>(size));
      } else {
        waits[i].fd = -1;
        --open;
      }
    }
  }
}

} // namespace

namespace {

program_run run_words(std::vector<std::string> words, const std::vector<std::string>& environment) {
  auto variables = environment;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view{*variable}.starts_with("LEDGERD_"))
      variables.emplace_back(*variable);
  auto argv = pointers(words);
  auto envp = pointers(variables);
  pipe_ends out;
  pipe_ends err;
  const auto child = fork();
  if (child < 0)
    throw std::system_error{errno, std::generic_category(), "fork"};
  if (child == 0) {
    dup2(out.ends[1], STDOUT_FILENO);
    dup2(err.ends[1], STDERR_FILENO);
    execve(argv.front(), argv.data(), envp.data());
    _exit(127);
  }
  out.close_end(1);
  err.close_end(1);
  program_run result;
  read_both(out, result.out, err, result.err);
  int status = 0;
  waitpid(child, &status, 0);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

} // namespace

program_run run_program(const std::vector<std::string>& arguments,
                        const std::vector<std::string>& environment) {
  std::vector<std::string> words{LEDGERD_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_words(std::move(words), environment);
}

program_run run_shell(const std::string& script, const std::vector<std::string>& environment) {
  return run_words({"/bin/bash", "-c", "ledgerd() { " LEDGERD_PROGRAM " \"$@\"; }\n" + script},
                   environment);
}

} // namespace ledgerd::test
