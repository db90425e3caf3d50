// The question for the numbers of the actors, on the subject where all nodes can be asked how they
// are. The answer is the document of GET /v1/actors. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ledgerd {

struct numbers_question {
  std::string node; // whose; empty: every node's

  friend bool operator==(const numbers_question&, const numbers_question&) = default;
};

// {"question": "metrics", "node": NAME}
std::string encode_numbers_question(const numbers_question& question);

// Nothing for whatever is another question, or none.
std::optional<numbers_question> decode_numbers_question(std::string_view payload);

} // namespace ledgerd
