#include "app/config/config_file.hpp"

#include <algorithm>
#include <optional>
#include <sstream>

#include <toml.hpp>

#include "app/base/text.hpp"
#include "app/config/options.hpp"
#include "app/config/secret_file.hpp"

namespace ledgerd {

namespace {

constexpr std::string_view names_section = "names";
constexpr const char* no_option_type =
    "must be a string, an integer, true or false, or a list of strings";

#if TOML11_VERSION_MAJOR < 4
std::uint32_t line_of(const toml::value& value) {
  return value.location().line();
}

std::string place_of(const toml::exception& error) {
  const auto& at = error.location();
  return at.line() == 0 ? "" : ":" + std::to_string(at.line()) + ":" + std::to_string(at.column());
}

// As it is written, where it stands in one line.
std::string written(const toml::value& value) {
  const auto at = value.location();
  const auto& line = at.line_str();
  return at.column() == 0 || at.column() > line.size() ? std::string()
                                                       : line.substr(at.column() - 1, at.region());
}
#else
std::uint32_t line_of(const toml::value& value) {
  return static_cast<std::uint32_t>(value.location().first_line_number());
}

std::string place_of(const toml::exception& error) {
  const auto* syntax = dynamic_cast<const toml::syntax_error*>(&error);
  if (syntax == nullptr || syntax->errors().empty() || syntax->errors().front().locations().empty())
    return {};
  const auto& at = syntax->errors().front().locations().front().first;
  return ":" + std::to_string(at.first_line_number()) + ":"
         + std::to_string(at.first_column_number());
}

std::string written(const toml::value& value) {
  const auto at = value.location();
  return at.lines().empty() || at.first_column_number() == 0
                 || at.first_column_number() > at.lines().front().size()
             ? std::string()
             : at.lines().front().substr(at.first_column_number() - 1, at.length());
}
#endif

// The parser makes the greatest number of what is greater.
std::string integer_text(const toml::value& value) {
  const auto number = toml::get<std::int64_t>(value);
  auto text = number == INT64_MAX || number == INT64_MIN ? written(value) : std::string();
  std::erase(text, '_');
  return text.empty() ? std::to_string(number) : text;
}

// The text that the option's setter reads, or nothing when the value has a type that no option has.
std::optional<std::string> toml_text(const toml::value& value) {
  if (value.is_string())
    return toml::get<std::string>(value);
  if (value.is_integer())
    return integer_text(value);
  if (value.is_boolean())
    return toml::get<bool>(value) ? "true" : "false";
  if (!value.is_array())
    return std::nullopt;
  std::string joined;
  for (const auto& item : toml::get<std::vector<toml::value>>(value)) {
    if (!item.is_string())
      return std::nullopt;
    joined += (joined.empty() ? "" : ",") + toml::get<std::string>(item);
  }
  return joined;
}

// What the option wants instead of a value of another type.
std::string type_rule(const option& of, const toml::value& value) {
  const auto text = value.is_floating() && of.kind == option_kind::value ? written(value) : "";
  config tried;
  const auto rule = text.empty() ? std::string() : of.set(tried, text);
  return rule.empty() ? no_option_type
                      : rule + ", not `" + escape_controls(shorten(text, 80)) + "`";
}

std::string first_line(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  constexpr std::string_view decoration = "[error] ";
  if (text.starts_with(decoration))
    text.remove_prefix(decoration.size());
  return escape_controls(text);
}

// A key as people may write it, with `_` for `-`.
std::string key_of(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

void read_names(const toml::value& section, config_file& into) {
  if (!section.is_table())
    return into.faults.push_back({std::string(names_section), "names must be a section: [names]"});
  for (const auto& [key, value] : toml::get<std::map<std::string, toml::value>>(section)) {
    const auto name = key_of(key);
    const auto place = std::string(names_section) + "." + name;
    into.lines[place] = line_of(value);
    if (value.is_string())
      into.names.emplace_back(name, toml::get<std::string>(value));
    else
      into.faults.push_back(
          {place, "[names] " + escape_controls(shorten(key, 80)) + " must be a string"});
  }
}

} // namespace

std::string config_file::line_of(std::string_view key) const {
  const auto found = lines.find(key);
  return found == lines.end() || found->second == 0 ? "" : ":" + std::to_string(found->second);
}

config_file read_config_file(const std::string& path) {
  config_file found;
  std::istringstream stream{read_config_text(path, found.unread)};
  if (!found.unread.empty())
    return found;
  try {
    const auto document = toml::parse(stream, path);
    for (const auto& [key, value] : toml::get<std::map<std::string, toml::value>>(document)) {
      const auto name = key_of(key);
      found.lines[name] = line_of(value);
      const auto* known = find_option(name);
      if (name == names_section)
        read_names(value, found);
      else if (const auto text = toml_text(value); text || known == nullptr)
        found.settings.emplace_back(name, text.value_or(""));
      else
        found.faults.push_back({name, name + " " + type_rule(*known, value)});
    }
  } catch (const toml::exception& e) {
    found.broken = place_of(e);
    found.faults.push_back({"", "not valid TOML: " + first_line(e.what())});
  } catch (const std::exception& e) {
    found.faults.push_back({"", "not valid TOML: " + first_line(e.what())});
  }
  return found;
}

} // namespace ledgerd
