// Opens accounts with the balances of a file: compares them with what the ledger holds, then posts
// an opening row for each that is new.
//
// Whatever happens in between, an account gets at most one opening row: its record id is its own,
// and the store opens new accounts only. So a run that was cut off is repeated as it is, two runs
// at once share the work, and a daemon may be at work meanwhile. One thread; waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/import/balance_file.hpp"
#include "persistence/openings.hpp"

namespace ledgerd {

// An account of the ledger that did not begin there with the file's balance, or one that cannot be
// opened.
struct refused_balance {
  balance_row asked;
  account_head present;
  std::optional<money> opened_with; // by an earlier import; nothing: it began at zero
  std::string fault{};              // why it cannot be opened; empty: it is in the ledger
};

struct import_options {
  std::size_t batch_max = 1000;
  // Without progress for so long it gives up.
  std::chrono::milliseconds patience{60000};
  std::chrono::milliseconds pause{200};                // between two attempts
  std::function<void(std::uint64_t)> opened = nullptr; // so many so far
  // What it waits for: why the database does not take something now, after the name of the account
  // where it is one. Each such sentence once in a batch.
  std::function<void(const std::string&)> waits = nullptr;
  std::function<bool()> stopped = [] { return false; }; // somebody has enough
};

// What has become of the file's accounts; each is counted once.
struct import_result {
  std::uint64_t opened = 0;
  std::uint64_t known = 0; // opened with this very balance by an earlier run
  std::uint64_t zero = 0;  // needs no row: an account begins at zero, whatever moves it then
  std::uint64_t left = 0;  // not reached: stopped, or the database is away
  std::vector<refused_balance> refused;
  std::string failure; // why some are left; empty: none are, or it was stopped
};

class importer {
public:
  // `finder` and `store` outlive this object.
  importer(account_finder& finder, ledger_store& store, import_options options)
      : finder_(finder), store_(store), options_(std::move(options)) {}

  // Compares only. Those that would be opened are counted as `left`. Throws std::runtime_error when
  // the database does not answer.
  import_result compare(const std::vector<balance_row>& rows);

  // Opens those that `compare` left; nothing when it refused any. What the database refuses for its
  // content, or for a right that a trigger lacks, is refused by name, and the others are opened.
  // Throws as `compare` does.
  import_result run(const std::vector<balance_row>& rows);

private:
  struct opening {
    const balance_row* row;
    unsigned attempt = 0; // the number of the record id that it tries
  };

  std::vector<opening> sort_out(const std::vector<const balance_row*>& rows, import_result& result);
  void judge(const balance_row& asked, const present_account& present, import_result& result) const;
  enum class attempt_end : std::uint8_t { goes_on, refused, held_up, given_up };

  bool work_off(std::vector<opening>& batch, import_result& result);
  bool work_off_each(std::vector<opening>& batch, import_result& result);
  attempt_end post(std::vector<opening>& batch, import_result& result);
  attempt_end take_failure(const store_failure& failure, std::vector<opening>& batch,
                           import_result& result);
  void take_answers(const std::vector<answer>& answers, std::vector<opening>& batch,
                    import_result& result);

  account_finder& finder_;
  ledger_store& store_;
  import_options options_;
  std::vector<const balance_row*> taken_; // by others, since they were compared
  std::chrono::steady_clock::time_point moved_at_;
  std::string failure_;             // why it was given up
  std::string refusal_;             // of the last attempt that was refused
  std::set<std::string> waits_for_; // what it has said of this batch
};

} // namespace ledgerd
