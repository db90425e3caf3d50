// The members of a JSON object as they are written, so that one of them can be replaced without
// touching the others: a number is never read through a floating-point type.
//
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ledgerd {

struct raw_member {
  std::string name;  // decoded
  std::string value; // as written, such as 10000.00 or "alice" with its quotes
};

// In their order, a repeated name as often as it stands there. Nothing when the text is no JSON
// object in UTF-8.
std::optional<std::vector<raw_member>> raw_members(std::string_view document);

// The object of these members.
std::string write_members(const std::vector<raw_member>& members);

// What a scalar says: a string's text, or a number, true, false or null as written; nothing for
// arrays and objects.
std::optional<std::string> scalar_text(std::string_view value);

// `text` as a JSON string. Bytes that are not UTF-8 are replaced.
std::string json_string(std::string_view text);

// Field and new text, in the order in which they were given.
using field_changes = std::vector<std::pair<std::string, std::string>>;

// The object with these fields set to strings, which the codec takes for each field of a request: a
// field that is there once or several times stands once afterwards, in its first place; a new one
// comes last. Nothing when the document is no JSON object.
std::optional<std::string> with_changes(std::string_view document, const field_changes& changes);

} // namespace ledgerd
