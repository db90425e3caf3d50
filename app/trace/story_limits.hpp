// What a story leaves open: what could not be asked, and what of the streams was not read.
//
// Pure; any thread.
#pragma once

#include <string>

#include "app/trace/story.hpp"

namespace ledgerd {

// A question beside the search may have failed.
bool streams_are_asked(const trace_facts& facts);

// What could not be asked: "; the streams; the ledger's database", or an empty text.
std::string unasked(const trace_facts& facts);

// Adds it to a story that has its conclusion: each as a note, and to the conclusion what it lacks.
void tell_limits(const trace_facts& facts, trace_story& story);

} // namespace ledgerd
