// What happened to one record, told from what was found: one list of events in the order of time,
// and a conclusion.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/trace/finder.hpp"
#include "domain/currency.hpp"
#include "domain/record.hpp"
#include "messaging/record_look.hpp"
#include "persistence/locks.hpp"

namespace ledgerd {

// The state of a consumer, asked for only where no node can tell how far the requests are.
struct consumer_place {
  std::string subject;
  std::uint64_t delivered = 0; // the highest sequence handed out
  std::uint64_t ack_floor = 0; // all up to here is settled
};

// Everything that could be found out, and what could not.
struct trace_facts {
  record_id record{};
  std::int64_t now_us = 0; // by this machine's clock, since 1970
  found_messages messages;
  std::string streams_problem; // why the streams could not be searched to the end; empty: they were

  std::optional<posting> row;
  std::int64_t written_with = 0; // rows that its transaction wrote; 0: not known
  std::string ledger_problem;    // why the ledger could not be asked; empty: it was

  std::optional<transaction_record> record_row; // the account side's
  std::string records_problem;                  // likewise

  std::optional<session_name> holder; // who has the row of its account locked

  std::vector<record_look> nodes; // those that have answered
  std::vector<consumer_place> consumers;
};

enum class trace_state : std::uint8_t {
  decided,    // it has a row, or a result that says so
  waiting,    // in the stream, not handed out yet
  held,       // a node holds it
  handed_out, // some node had it, and none says that it holds it
  parked,     // its last word is a dead letter
  discarded,  // and somebody has discarded that
  recorded,   // the account side has it, and nothing else was found
  unknown,
};

std::string_view to_text(trace_state state) noexcept; // decided, ..., handedOut, ...

struct trace_event {
  std::optional<std::int64_t> at_us; // nothing: when is not known
  // received, recorded, decided, published, acknowledged, settled, parked, replayed, discarded,
  // held
  std::string what;
  std::string node; // empty: not known, or none
  std::string detail;
  std::uint64_t seq = 0; // of its message; 0: it has none
  // Without a time: not before then.
  std::optional<std::int64_t> after_us = std::nullopt;
};

// What the account of a request waits for, and the node that says so.
struct told_wait {
  std::string node;
  account_wait wait;
};

struct trace_story {
  std::vector<trace_event> events; // what has no time stands last
  trace_state state = trace_state::unknown;
  std::string conclusion;         // a sentence, which ends with what was not looked at
  bool asked_all = true;          // false: streams or a database could not be asked
  std::optional<told_wait> wait;  // of what is held
  bool told_failed = false;       // of what is parked: its caller was told that nothing moves
  std::vector<std::string> notes; // what was not looked at, and why: sentences
};

trace_story tell(const trace_facts& facts, const currency_table& currencies);

// What somebody at a terminal may do next, a sentence that begins with a verb; empty: nothing.
std::string next_step(const trace_story& story, record_id record);

} // namespace ledgerd
