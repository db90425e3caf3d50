// Which node took a request from the stream, by what its result, its dead letter or the node itself
// says. Which node decided it, if that was another one, is written nowhere.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/trace/story.hpp"

namespace ledgerd {

struct taking {
  std::string node; // empty: nobody says
  // When the stream had what became of the request, which the node acknowledges after that;
  // nothing: it was not found.
  std::optional<std::int64_t> told_us;
};

// Of the request with this sequence number.
taking taken(const trace_facts& facts, const stored_message& request);

} // namespace ledgerd
