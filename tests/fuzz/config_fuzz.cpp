// The configuration: as a file, as variables and as flags. Every fault is a sentence of one line;
// what is valid can be printed, and read again it is the same.
//
// The first byte of an input tells what the rest is: a file, or lines of `name=value`.
#include <algorithm>
#include <string>

#include "app/config/config.hpp"
#include "messaging/wire/json_reader.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace ledgerd;

setting_list read_lines(std::string_view text, std::string_view prefix) {
  setting_list result;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    const auto equals = std::min(line.find('='), line.size());
    result.emplace_back(std::string(prefix).append(line.substr(0, equals)),
                        line.substr(std::min(equals + 1, line.size())));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

// Files that are named may be anything on this machine, pipes that block among them.
bool names_a_file(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower.find("file") != std::string::npos || lower.find("config") != std::string::npos;
}

void try_again(const config& value) {
  static const memory_file file;
  const auto printed = print_config(value);
  demand(printed.find('\0') == std::string::npos, "a NUL in a configuration");
  file.hold(printed);
  const auto again =
      load_config({.flags = {}, .environment = {}, .file = file.path(), .processors = 2});
  // A URL or a path need not be UTF-8; TOML must.
  if (printed.find("<redacted>") != std::string::npos || valid_utf8(printed) != printed)
    return;
  if (!again.faults.empty())
    demand(false, (printed + "\nis refused: " + again.faults.front()).c_str());
  demand(print_config(again.value) == printed, "a configuration is read again as another one");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const memory_file file;
  if (size == 0 || names_a_file(text_of(data + 1, size - 1)))
    return 0;
  const auto text = text_of(data + 1, size - 1);
  config_sources sources{.flags = {}, .environment = {}, .file = {}, .processors = 2};
  switch (data[0] % 3) {
  case 0:
    file.hold(text);
    sources.file = file.path();
    break;
  case 1:
    sources.environment = read_lines(text, "LEDGERD_");
    break;
  default:
    sources.flags = read_lines(text, "");
  }
  const auto loaded = load_config(sources);
  for (const auto* list : {&loaded.faults, &loaded.warnings})
    for (const auto& each : *list)
      demand(!each.empty() && each.find_first_of("\n\r\x1b") == std::string::npos,
             "a sentence of more than one line");
  if (loaded.faults.empty())
    try_again(loaded.value);
  return 0;
}
