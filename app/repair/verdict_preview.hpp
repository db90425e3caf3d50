// What would become of letters that are replayed, by the present rules, currencies and balances; of
// results see result_preview.hpp.
//
// Pure; any thread, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/repair/letter.hpp"
#include "domain/currency.hpp"
#include "domain/entry.hpp"
#include "messaging/codec.hpp"
#include "persistence/ledger_reader.hpp"

namespace ledgerd {

enum class expectation : std::uint8_t {
  success,   // it is applied
  failed,    // the ledger refuses it; `reason` says why
  duplicate, // the same was decided before: that verdict is published again
  parked,    // it would become a dead letter again; `reason` and `detail` say why
  ended,     // its record on the account side has ended as FAILED, as its caller was told
  result,    // it is a result, which the account side takes or passes over
  unknown,   // it is a right request, and the ledger could not be asked
  none,      // it cannot be replayed; `detail` says why
};

std::string_view to_text(expectation what) noexcept; // SUCCESS, FAILED, DUPLICATE, ...

struct expected_verdict {
  expectation what = expectation::none;
  std::string reason;         // of FAILED, PARKED, and of a DUPLICATE of a FAILED one
  std::string detail;         // a sentence, where there is more to say
  std::string balance_after;  // of SUCCESS, FAILED and DUPLICATE
  std::optional<entry> asked; // a request that can be read
  // It is so only when all letters before it are decided: whoever replays them waits for that.
  bool waits = false;

  // Whether a message goes out for it.
  bool can_be_sent() const noexcept {
    return what != expectation::none && what != expectation::ended;
  }
};

// Letters are judged in their order: several of one account build on each other, and so do two with
// one record id. Keeps about 200 bytes for each of them.
class verdict_preview {
public:
  // `currencies` outlives this object; null: not known, so nothing can be said of requests.
  // `with_ledger` is false when it cannot be asked. `force`: letters whose record has ended are
  // replayed like any other.
  verdict_preview(const currency_table* currencies, const request_rules& rules, bool with_ledger,
                  bool force)
      : currencies_(currencies), rules_(rules), with_ledger_(with_ledger), force_(force) {}

  // What `judge` has to know for this letter and has not been told yet.
  void want(const dead_letter& letter);
  std::vector<record_id> take_wanted_records();
  std::vector<std::string> take_wanted_users();

  // What the ledger says of them.
  void learn(const posting& stored);
  void learn(const account_row& account);

  expected_verdict judge(const dead_letter& letter);

  // From here on all letters before are decided.
  void settle();

private:
  // What was judged since the last wait on one account: as long as no verdict depends on the order
  // in which these are decided, they may be on their way together.
  struct open_account {
    money before;                       // the balance that the first of them finds
    money deposits;                     // of those that are applied
    money withdrawals;                  // of those that are applied
    std::optional<money> least_refused; // the smallest withdrawal that is refused
    bool overflowed = false;
  };

  expected_verdict judge_request(const dead_letter& letter);
  expected_verdict decided_before(const entry& asked, const posting& stored);
  expected_verdict decide_new(const entry& asked);
  static bool joins(const entry& asked, outcome verdict, open_account& open);

  std::string amount_text(money amount, const account_key& account) const;

  const currency_table* currencies_;
  request_rules rules_;
  bool with_ledger_;
  bool force_;
  std::set<record_id> wanted_records_;
  std::set<std::string> wanted_users_;
  std::set<std::string> known_users_;
  std::set<record_id> known_records_;
  std::unordered_map<record_id, posting> postings_;
  std::map<account_key, account_head> heads_;
  std::map<account_key, open_account> open_;
  std::set<record_id> open_records_;
};

// Where the message of a letter goes, or why it goes nowhere.
struct letter_target {
  std::string subject;
  bool is_result = false;
  std::string fault; // a sentence; empty: none
};
letter_target target_of(const dead_letter& letter);

} // namespace ledgerd
