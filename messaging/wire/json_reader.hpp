// A strict reader for one JSON object or array (RFC 8259), which hands out number tokens as they
// were written.
//
// The libraries at hand are not exact enough for money: they read numbers through a double (1e400
// is then an error, and digits are lost), take a NUL byte for the end of the text and skip a
// byte-order mark in silence. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ledgerd {

enum class json_kind : std::uint8_t { null, boolean, number, string, array, object };

// A member of the outermost object, or an element of the outermost array, which has no name. The
// views live until the visitor returns.
struct json_member {
  std::string_view name; // without its escapes
  json_kind kind = json_kind::null;
  // A string without its escapes, anything else as it is written; of null nothing.
  std::string_view text;
};

// Visits the members in order of their place, repeated ones too, and skips what is nested in them.
// Every byte is validated: the answer is a sentence that says what is wrong and where, or nothing.
// When there is one, what was visited before is void. `depth_max` counts the outermost object.
// Never throws on any input.
std::optional<std::string> read_json_object(std::string_view document, int depth_max,
                                            const std::function<void(const json_member&)>& visit);

// The same for the elements of one JSON array.
std::optional<std::string> read_json_array(std::string_view document, int depth_max,
                                           const std::function<void(const json_member&)>& visit);

// Appends `text`, which is valid UTF-8, as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

// `text` with a question mark for each byte that is not part of valid UTF-8.
std::string valid_utf8(std::string_view text);

} // namespace ledgerd
