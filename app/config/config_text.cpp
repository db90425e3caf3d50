#include "app/config/config_text.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <system_error>

namespace ledgerd {

std::string read_config_text(const std::string& path, std::string& fault) {
  constexpr std::size_t bytes_max = std::size_t{1} << 20;
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)
      && fs::canonical(path, ignored) != "/dev/null") {
    fault = "is no regular file";
    return {};
  }
  std::ifstream stream{path, std::ios::binary};
  std::string text(bytes_max + 1, '\0');
  if (!stream)
    fault = "the file cannot be read";
  else if (stream.read(text.data(), static_cast<std::streamsize>(text.size())))
    fault = "is longer than 1 MiB";
  else if (stream.bad())
    fault = "the file cannot be read";
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

} // namespace ledgerd
