// The gate's side lane: accounts that made batches fail or slow, each alone. What they have waits
// here, with growing, jittered pauses, while all others go on in the main lane; after a few quick
// successes an account returns there. Nothing is ever parked for having waited.
//
// Pure decisions: the gate posts what `take` gives, one part at a time, and says what became of it.
// The order of an account's entries is kept: a part never overtakes an earlier one.
#pragma once

#include <caf/actor_clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/ledger/protocol.hpp"

namespace ledgerd {

// Why an account is set aside.
enum class trouble : std::uint8_t {
  blocked, // its row is locked by others, or a statement for it took too long
  slow,    // it took far longer than the others
  refused, // the database refuses what is written for it
};

std::string_view to_text(trouble why) noexcept;

struct side_lane_options {
  std::size_t entries_max; // in one part
  std::chrono::milliseconds pause_min{50};
  std::chrono::milliseconds pause_max{3000};
  // How long a part waits for a lock: while it does, the other accounts here do, too.
  std::chrono::milliseconds lock_min{100};
  std::chrono::milliseconds lock_max{1000};
  std::chrono::milliseconds statement{5000};
  // Quick successes in a row after which an account returns; twice as many for each time that it
  // came back here within `memory`.
  unsigned successes_wanted = 3;
  std::chrono::milliseconds memory{600000};
  // An account for which nothing came for so long is no longer aside.
  std::chrono::milliseconds quiet{60000};
};

class side_lane {
public:
  using time_point = caf::actor_clock::time_point;

  explicit side_lane(side_lane_options options = {}, std::uint32_t seed = 1)
      : options_(options), random_(seed) {}

  bool holds(const account_key& account) const { return patients_.contains(account); }

  // Nothing happens when it is aside already. Whether it was not.
  bool set_aside(const account_key& account, trouble why, time_point now);

  // A group of an account that is aside. Precondition (asserted): its last one is done.
  void add(ledger_group&& next, time_point now);

  // When `take` has something; nothing: as long as nothing is added, never.
  std::optional<time_point> next_due() const;

  // The part whose turn it is, if any. Precondition (asserted): what became of the last one was
  // said.
  gate_batch_ptr take(time_point now);

  // The account of the part under way.
  const account_key& current() const { return *current_; }
  const ledger_actor& current_ledger() const { return patients_.at(*current_).ledger; }

  // What became of the part under way:
  // It was posted; its entries are answered. True: the account returns to the main lane.
  bool posted(account_head head, std::chrono::microseconds work, time_point now);
  // The database refuses its only entry, which is answered so.
  void refused(time_point now);
  // It is refused or too slow as a whole: it is cut. Precondition (asserted): it has several
  // entries.
  void cut(time_point now);
  // Nothing was written, or that is not known: the same part again, later. After so long.
  std::chrono::milliseconds again(time_point now);

  // Forgets accounts for which nothing came for long. Their ledgers.
  std::vector<ledger_actor> forget_quiet(time_point now);

  std::size_t accounts() const { return patients_.size(); }
  std::size_t remembered() const { return relapses_.size(); }
  std::size_t accounts_waiting() const;
  std::size_t entries_waiting() const;
  std::optional<time_point> oldest() const; // since when the longest of them waits

  // Calls `what(account, entries, since, why)` for each account that waits.
  template <class What>
  void for_each_waiting(What what) const {
    for (const auto& [account, whom] : patients_)
      if (whom.has_work())
        what(account, whom.entries(), whom.since, whom.why);
  }

private:
  struct patient {
    trouble why = trouble::blocked;
    time_point used;  // when something last came or was done for it
    time_point since; // when its group came
    time_point due;
    gate_batch_ptr part;              // cut off and to be posted
    std::optional<ledger_group> rest; // what comes after the part
    ledger_actor ledger;
    std::size_t part_max = 1;
    unsigned failures = 0;  // in a row
    unsigned successes = 0; // quick ones in a row
    unsigned successes_wanted = 0;

    bool has_work() const { return part || rest; }
    std::size_t entries() const {
      return (part ? part->entries.size() : 0) + (rest ? rest->entries.size() : 0);
    }
  };
  struct relapse {
    unsigned count = 0;
    time_point last;
  };

  patient& current_patient();
  void end_part(patient& of, time_point now);
  unsigned remember_relapse(const account_key& account, time_point now);
  std::chrono::milliseconds pause_after(unsigned failures);

  side_lane_options options_;
  std::unordered_map<account_key, patient, account_key_hash> patients_;
  std::unordered_map<account_key, relapse, account_key_hash> relapses_;
  std::optional<account_key> current_;
  std::minstd_rand random_;
};

} // namespace ledgerd
