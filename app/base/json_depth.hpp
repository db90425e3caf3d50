// How deep a JSON document is nested. nlohmann's documents are copied and printed by recursion, and
// a message of some hundred kilobytes can nest deep enough to overflow the stack of the process.
//
// Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace ledgerd {

// What `MALFORMED_JSON` allows a request. Nothing that the program writes comes near it.
inline constexpr std::size_t json_nesting_max = 64;

// Whether more than `most` arrays and objects of the document are open at once. Told by its
// brackets alone, whatever else stands there: ask it of a document from outside before it is kept
// parsed.
bool nested_deeper(std::string_view document, std::size_t most = json_nesting_max) noexcept;

} // namespace ledgerd
