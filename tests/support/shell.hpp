// Runs commands of a shell for the tests' servers.
#pragma once

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <sys/wait.h>

namespace ledgerd::test {

// `text` as one word of the shell.
inline std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text)
    result += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return result + "'";
}

// What the commands print, on both ends; `what` names them where they fail. Waits.
inline std::string output_of(const std::string& commands, const std::string& what) {
  FILE* pipe = popen(("exec 2>&1 </dev/null; " + commands).c_str(), "re");
  if (pipe == nullptr)
    throw std::runtime_error("cannot run a shell");
  std::string output;
  std::array<char, 4096> buffer;
  while (const auto size = fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), size);
  if (const auto status = pclose(pipe); status != 0)
    throw std::runtime_error(what + " failed (" + std::to_string(WEXITSTATUS(status))
                             + "): " + output);
  return output;
}

} // namespace ledgerd::test
