#include "app/base/output.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <system_error>

#include "app/base/text.hpp"

namespace ledgerd {

namespace {

std::string formatted(const char* format, std::va_list arguments) {
  std::va_list again;
  va_copy(again, arguments);
  const int size = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (size <= 0)
    return {};
  std::string text(static_cast<std::size_t>(size) + 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  return text;
}

int first_fault = 0; // of a write to stdout, as errno

void write(std::FILE* to, const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), to) != text.size() && to == stdout
      && first_fault == 0)
    first_fault = errno;
}

} // namespace

void print_line(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  write(stdout, escape_controls(formatted(format, arguments)) + "\n");
  va_end(arguments);
}

void complain(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  write(stderr, "ledgerd: " + one_line(formatted(format, arguments)) + "\n");
  va_end(arguments);
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  auto clean = rows;
  for (auto& row : clean)
    for (auto& cell : row)
      cell = escape_controls(cell);
  print_lines(format_table(clean));
}

void print_lines(std::string_view lines) {
  std::string text;
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    text += escape_controls(lines.substr(0, end)) + "\n";
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
  write(stdout, text);
}

void print_json(const nlohmann::ordered_json& value) {
  constexpr auto replace = nlohmann::ordered_json::error_handler_t::replace;
  write(stdout, escape_json_controls(value.dump(2, ' ', false, replace)) + "\n");
}

std::optional<std::string> unwritten_output() {
  if (std::fflush(stdout) != 0 && first_fault == 0)
    first_fault = errno;
  if (first_fault == EPIPE || (first_fault == 0 && std::ferror(stdout) == 0))
    return std::nullopt;
  return std::generic_category().message(first_fault != 0 ? first_fault : EIO);
}

} // namespace ledgerd
