// PostgreSQL as the actors' ports see it: sessions that wait, rows that are locked, commits that
// come late or whose answer is lost, a server that is away, silent or read-only. What is stored
// where, and by which rules, is that of the stores in memory (tests/support), which pass the same
// suite as the real ones; the SQL itself is tested elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "domain/entry.hpp"
#include "persistence/ledger_store.hpp"
#include "tests/simulation/machine.hpp"
#include "tests/support/memory_record_store.hpp"
#include "tests/support/memory_store.hpp"

namespace ledgerd::sim {

// In percent of commits.
struct commit_faults {
  int answer_lost = 0; // committed, and the session breaks
  int lost = 0;        // the session breaks before it
  int late = 0;        // the session breaks, and the server commits up to four seconds later
  int hung = 0;        // no answer until the client gives up
  int slow = 0;        // takes up to a second
};

class database {
public:
  explicit database(machine& on);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  // The one of this process.
  static database*& present();

  commit_faults faults;
  std::map<std::string, std::uint64_t> seen;
  std::function<void(owner_id)> on_session; // one has begun
  std::set<record_id> refused;              // by a trigger, whatever is tried

  std::shared_ptr<test::memory_database> ledger = std::make_shared<test::memory_database>();
  std::shared_ptr<test::memory_record_database> records =
      std::make_shared<test::memory_record_database>();

  // -- what goes wrong

  void go_down();
  void come_up();
  void be_read_only(bool on);
  void cut(owner_id whose);     // it cannot be reached from there
  void silence(owner_id whose); // it does not answer there
  void mend(owner_id whose);
  void end(owner_id whose); // its sessions, as when a process dies
  // pg_terminate_backend: of all that work one, or one of the node's that has nothing to do.
  void terminate_one(owner_id whose);
  void lock(const account_key& account); // by a stranger
  void lock_records();                   // some that are PENDING, by a stranger
  void unlock();
  // Whose rows somebody has waited for in vain, or has had refused: a gate may set them aside, and
  // what is held of them may be let go.
  const std::set<account_key>& ever_obstructed() const { return ever_obstructed_; }

  // Since when nothing can be committed from there; nothing: it can.
  std::optional<time_point> away_since(owner_id whose) const;

  // Nothing can be committed from there, and that is said at once.
  bool refuses(owner_id whose) const { return !serves(whose) && !silent_.contains(whose); }

  // When the last COMMIT of his that nobody answers was given up, or will be. Until then a restart
  // of the database does not show there.
  time_point hung_until(owner_id whose) const;

  // -- for the stores

  // A session that works on behalf of who is running.
  class session {
  public:
    explicit session(database& of);
    ~session();
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    // Work that takes time; nothing: done. `until`: the client gives up.
    std::optional<store_failure> work(nanoseconds time, time_point until);
    // Takes the row; false: somebody else still has it at `until`.
    bool take(const account_key& account, time_point until);
    bool broken() const;
    void release();
    void note_commit() { commits_ = true; } // has been sent
    // The locks are somebody else's to release now.
    std::set<account_key> hand_over();

  private:
    database& of_;
    owner_id owner_;
    std::uint64_t life_;
    friend class database;
    std::set<account_key> taken_;
    bool ended_ = false;
    bool commits_ = false;
  };

  enum class fate : std::uint8_t { kept, answer_lost, lost, late, hung };
  fate draw();
  void free(const std::set<account_key>& rows);
  void hang(time_point until);                 // who is running
  std::uint64_t life() const { return life_; } // changes with each restart
  machine& on() { return on_; }
  std::size_t sessions_of(owner_id whose) const;
  // The places of those that a stranger holds.
  std::vector<std::size_t> held_of(const std::vector<record_verdict>& batch) const;
  void note_obstructed(const account_key& account) { ever_obstructed_.insert(account); }
  // The clock of the records' database goes with the machine's.
  void pass_time();

private:
  bool serves(owner_id whose) const;
  void note(owner_id whose);
  void note_all();

  machine& on_;
  bool up_ = true;
  bool read_only_ = false;
  std::uint64_t life_ = 1;
  std::set<owner_id> cut_, silent_;
  std::set<owner_id> idle_ended_; // their next session finds that it was
  std::map<owner_id, time_point> away_, hung_;
  std::optional<time_point> all_away_;
  std::set<account_key> rows_; // locked
  std::vector<session*> sessions_;
  std::optional<account_key> strangers_;
  std::set<record_id> strangers_records_;
  std::set<account_key> ever_obstructed_;
  time_point records_clock_;
};

} // namespace ledgerd::sim
