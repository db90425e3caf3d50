// Replays and discards dead letters, one, some or all that a filter matches, and writes down who
// did it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "app/repair/action.hpp"
#include "app/repair/letter_filter.hpp"
#include "app/repair/letter_shelf.hpp"
#include "app/repair/letter_terms.hpp"
#include "app/repair/verdict_preview.hpp"
#include "domain/currency.hpp"
#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "persistence/ledger_reader.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

// What it is done with; all outlive the call.
struct repair_tools {
  broker& nats;
  letter_shelf& shelf;
  ledger_reader* ledger = nullptr;            // null: it cannot be asked
  record_reader* records = nullptr;           // null: there is no account side to ask
  const currency_table* currencies = nullptr; // null: not known
  request_rules rules;
};

struct repair_order {
  static constexpr std::size_t limit_max = 100000;

  action_kind what = action_kind::replay;
  std::vector<std::uint64_t> seqs; // these letters; empty: those that `filter` matches
  letter_filter filter;
  std::uint64_t after = 0; // only letters above this sequence number
  // Only letters up to this one. Nothing: up to the stream's last as it is when the order begins,
  // so what comes back of a replay is not taken again.
  std::optional<std::uint64_t> up_to;
  std::size_t limit = 10000; // of a filter: at most so many letters
  bool dry_run = false;
  bool force = false; // replay also what would be parked again, and what has ended its record
  // What is replayed instead: the messages with these fields changed, of which `change_fault` says
  // nothing, or, of a single letter, this payload.
  field_changes set;
  std::optional<std::string> payload;
  action_origin origin;

  bool edits() const noexcept { return !set.empty() || payload; }
  bool edits_one() const noexcept { return edits() && seqs.size() == 1; }
};

// What became of one letter, or would become.
struct repair_step {
  std::uint64_t seq = 0;
  bool found = true;
  std::optional<record_id> record;
  std::optional<std::uint64_t> replay_of; // the letter whose replay has led to this one
  std::string subject;                    // of a replay: where the message goes,
  letter_terms terms;                     // and what it asks for
  expected_verdict expected;              // of a replay
  bool done = false;                      // published or discarded; in a dry run: would be
};

struct repair_outcome {
  std::uint64_t count = 0;   // letters that were meant and are there
  std::uint64_t done = 0;    // of them, published or discarded, or would be
  std::uint64_t copies = 0;  // of those that were meant, what goes out with another one of them
  std::uint64_t missing = 0; // of the sequence numbers, those without a letter
  std::map<std::string, std::uint64_t> verdicts; // of a replay: how many of each
  // There may be more: call again with `after` set to this.
  std::optional<std::uint64_t> next;
  // The letters up to this one were looked at: a later order with it means none that came since.
  std::uint64_t up_to = 0;
  // Why it has ended before its end, in one line; `next` is the last letter that is accounted for
  // then. Of a replay some behind it may have been published. Empty: it has not.
  std::string failure;
};

// The edited message of a single letter would be parked again, or cannot be made. `reason` is that
// of the letter that it would become.
class edit_refused : public std::runtime_error {
public:
  edit_refused(dead_reason reason, const std::string& detail)
      : std::runtime_error(detail), reason_(reason) {}

  dead_reason reason() const noexcept { return reason_; }

private:
  dead_reason reason_;
};

// `tell` is called for each letter, in their order, as soon as it is done. `stop` is asked between
// small groups of letters.
//
// Letters are replayed in their order: where a verdict depends on the letters before, those are
// waited for, so that what happens is what a dry run has said, but for what others do to the same
// accounts meanwhile. A letter that would be parked again stays where it is unless `force` is said,
// and so does one whose record has ended: the caller was told that nothing moves. What is edited is
// never sent to be parked: of several letters such a one stays, a single one is refused.
//
// The entry of a letter is stored before anything is done to it, so nothing is done that is not
// written down; when publishing fails afterwards, an entry may stand there without its message, and
// when deleting fails, up to sixteen of letters that are still there.
// Memory is bounded by `limit`. Waits; throws edit_refused, and std::runtime_error when it fails
// before the first letter is done: later the outcome says what was done, and the failure.
repair_outcome repair(const repair_tools& tools, const repair_order& order,
                      const std::function<void(const repair_step&)>& tell, const stop_asked& stop);

} // namespace ledgerd
