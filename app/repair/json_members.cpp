#include "app/repair/json_members.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace ledgerd {

namespace {

using nlohmann::json;

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Walks over a document that is known to be valid JSON.
class walker {
public:
  explicit walker(std::string_view document) : rest_(document) { skip_blanks(); }

  bool at(char c) const noexcept { return rest_.starts_with(c); }

  void skip(std::size_t count) noexcept {
    rest_.remove_prefix(std::min(count, rest_.size()));
    skip_blanks();
  }

  // The value that begins here, whatever it is.
  std::string_view take_value() noexcept {
    const auto all = rest_;
    std::size_t end = 0;
    if (at('"'))
      end = end_of_string(0);
    else if (at('{') || at('['))
      end = end_of_nest();
    else
      while (end < all.size() && !is_blank(all[end]) && all[end] != ',' && all[end] != '}'
             && all[end] != ']')
        ++end;
    rest_.remove_prefix(end);
    skip_blanks();
    return all.substr(0, end);
  }

private:
  void skip_blanks() noexcept {
    while (!rest_.empty() && is_blank(rest_.front()))
      rest_.remove_prefix(1);
  }

  // Behind the closing quote of the string that opens at `from`.
  std::size_t end_of_string(std::size_t from) const noexcept {
    for (auto i = from + 1; i < rest_.size(); ++i)
      if (rest_[i] == '\\')
        ++i;
      else if (rest_[i] == '"')
        return i + 1;
    return rest_.size();
  }

  std::size_t end_of_nest() const noexcept {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (c == '"')
        i = end_of_string(i) - 1;
      else if (c == '{' || c == '[')
        ++depth;
      else if ((c == '}' || c == ']') && --depth == 0)
        return i + 1;
    }
    return rest_.size();
  }

  std::string_view rest_;
};

} // namespace

std::optional<std::vector<raw_member>> raw_members(std::string_view document) {
  walker here(document);
  if (!here.at('{') || !json::accept(document))
    return std::nullopt;
  std::vector<raw_member> result;
  for (here.skip(1); here.at('"');) {
    const auto name = json::parse(here.take_value()).get<std::string>();
    here.skip(1); // the colon
    result.push_back({name, std::string(here.take_value())});
    if (here.at(','))
      here.skip(1);
  }
  return result;
}

std::string json_string(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string write_members(const std::vector<raw_member>& members) {
  std::string out = "{";
  for (const auto& each : members)
    out.append(out.size() == 1 ? "" : ",")
        .append(json_string(each.name))
        .append(":")
        .append(each.value);
  return out + "}";
}

std::optional<std::string> scalar_text(std::string_view value) {
  if (value.empty() || value.front() == '{' || value.front() == '[')
    return std::nullopt;
  if (value.front() != '"')
    return std::string(value);
  const auto parsed = json::parse(value, nullptr, false);
  if (!parsed.is_string())
    return std::nullopt;
  return parsed.get<std::string>();
}

std::optional<std::string> with_changes(std::string_view document, const field_changes& changes) {
  auto members = raw_members(document);
  if (!members)
    return std::nullopt;
  for (const auto& [field, text] : changes) {
    const auto named = [&field = field](const raw_member& each) { return each.name == field; };
    const auto first = std::find_if(members->begin(), members->end(), named);
    if (first == members->end()) {
      members->push_back({field, json_string(text)});
      continue;
    }
    first->value = json_string(text);
    members->erase(std::remove_if(first + 1, members->end(), named), members->end());
  }
  return write_members(*members);
}

} // namespace ledgerd
