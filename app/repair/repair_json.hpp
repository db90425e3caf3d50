// What the verbs and the calls show of letters, groups, actions and repairs: the same JSON.
//
// Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>

#include "app/repair/letter_shelf.hpp"
#include "app/repair/repair.hpp"

namespace ledgerd {

// {"seq", "at", "subject", "reason", "detail", "cause", "source": {"stream", "sequence",
// "subject"}, "deliveries", "node", "recordId", "userId", "currency", "type", "amount", "bytes",
// "truncated", "replays", "lastReplayAt", "failedAgain", "marksComplete", "replayOf", "payload",
// "payloadBase64"?}: what is not known is null; the payload as far as it was kept, and its bytes
// where it is no text, for those that are not UTF-8 are replaced in it.
nlohmann::ordered_json letter_json(const shelved_letter& shown);

// The same with "discardedBefore": {"letter", "at", "who", "why"} or null, and "headers": {name:
// value}.
nlohmann::ordered_json whole_letter_json(const shelved_letter& shown);

// {"cause", "reason", "detail", "count", "oldest", "newest", "example", "replayed", "failedAgain"}
nlohmann::ordered_json group_json(const letter_group& group);

// {"items": [...], "next": null, "others", "complete"}
nlohmann::ordered_json groups_json(const letter_shelf::grouping& found);

// {"seq", "at", "action", "letter", "who", "why", "reason", "recordId", "userId", "expected",
// "changed", "session"}; the last five are null where the document is nested too deeply.
nlohmann::ordered_json action_json(const action& shown);

// {"seq", "found", "recordId", "done", "wouldBeDone"?, "replayOf"?, "userId"?, "type"?,
// "currency"?, "amount"?, "verdict"?, "reason"?, "detail"?, "balanceAfter"?}; of a replay the
// verdict, and what the message asks for that goes out, null where that cannot be told. In a dry
// run nothing is done.
nlohmann::ordered_json step_json(const repair_order& order, const repair_step& step);

// {"dryRun", "count", "done", "wouldBeDone"?, "missing", "verdicts": {word: count}, "items": [...],
// "next", "upTo", "failure"}
nlohmann::ordered_json outcome_json(const repair_order& order, const repair_outcome& outcome,
                                    nlohmann::ordered_json items);

// {"items": [...], "next": cursor or null}
nlohmann::ordered_json page_json(nlohmann::ordered_json items,
                                 const std::optional<std::uint64_t>& next);

} // namespace ledgerd
