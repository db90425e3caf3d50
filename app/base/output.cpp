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
bool printed = false;
std::string complained;

void note_complaint(const std::string& sentence) {
  constexpr std::size_t bytes_max = 4096;
  if (!sentence.starts_with("warning: ") && complained.size() < bytes_max)
    complained.append(complained.empty() ? "" : "; ").append(shorten(sentence, bytes_max));
}

std::string json_text(const nlohmann::ordered_json& value, int indent) {
  constexpr auto replace = nlohmann::ordered_json::error_handler_t::replace;
  return escape_json_controls(value.dump(indent, ' ', false, replace)) + "\n";
}

void flush_output() {
  if (std::fflush(stdout) != 0 && first_fault == 0)
    first_fault = errno;
}

void write(std::FILE* to, const std::string& text) {
  printed = printed || to == stdout;
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
  const auto sentence = one_line(formatted(format, arguments));
  va_end(arguments);
  note_complaint(sentence);
  write(stderr, "ledgerd: " + sentence + "\n");
}

std::string complaints() {
  return complained;
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
  constexpr int indent = 2;
  write(stdout, json_text(value, indent));
}

void print_json_line(const nlohmann::ordered_json& value) {
  const bool before = printed;
  constexpr int one_line = -1;
  write(stdout, json_text(value, one_line));
  flush_output();
  printed = before;
}

bool has_printed() {
  return printed;
}

bool output_gone() {
  flush_output();
  return std::ferror(stdout) != 0;
}

std::optional<std::string> unwritten_output() {
  flush_output();
  if (first_fault == EPIPE || (first_fault == 0 && std::ferror(stdout) == 0))
    return std::nullopt;
  return std::generic_category().message(first_fault != 0 ? first_fault : EIO);
}

} // namespace ledgerd
