// What people have done to dead letters, and to sessions of the database that blocked the ledger,
// as it stands in the stream of actions.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/repair/json_members.hpp"
#include "app/repair/letter.hpp"
#include "app/repair/verdict_preview.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

enum class action_kind : std::uint8_t { replay, discard };

std::string_view to_text(action_kind what) noexcept; // replay, discard

// Who does something, and why.
struct action_origin {
  std::string who; // user@host, or the token's name over HTTP
  std::string why; // empty: not said
  // Tells apart what is done twice: the broker stores one message of each id.
  std::int64_t stamp = 0; // milliseconds since 1970
};

// The entry for one letter: its headers, which tell the audit what became of the original, and a
// document for people. Of two that discard one letter the broker stores one entry.
outgoing action_entry(action_kind what, const dead_letter& letter, const action_origin& origin,
                      const expected_verdict* expected, const field_changes& changed,
                      bool other_payload);

// A session of the database that somebody ends.
struct ended_session {
  std::int64_t pid = 0;
  std::string user;
  std::string application;
  std::optional<std::int64_t> since_us; // when its transaction began; nothing: not known
  std::vector<std::int64_t> blocked;    // the processes of our sessions that waited for it
  std::vector<std::string> rows;        // what they waited for, where that is known
};

// The entry for one session: it names no letter.
outgoing session_entry(const ended_session& whom, const action_origin& origin);

// The original as a new message. It names its letter, and its message id holds the stamp, or the
// broker's duplicate window would swallow a second try. Precondition: `target_of` finds no fault.
outgoing replay_message(const dead_letter& letter, std::int64_t stamp);

// An entry as it is shown.
struct action {
  std::uint64_t seq = 0;
  std::int64_t at_ns = 0;   // by the broker's clock, since 1970
  std::string what;         // the last token of its subject
  std::uint64_t letter = 0; // 0: none, for it was done to something else
  std::string who;
  std::string why;
  std::string reason;   // of the letter
  std::string document; // the JSON document; empty: none, or one of more than 64 KiB
};

// Cut, so that a page of them has a bound whatever somebody has published.
action read_action(const stored_message& entry);

// Whether an entry tells that an earlier letter of the same message or record was discarded.
bool is_earlier_discard(const stored_message& entry, const dead_letter& letter);

} // namespace ledgerd
