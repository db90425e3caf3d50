// Checks requests, results and dead letters against the ledger's rows and each other.
//
// Pure. Keeps 48 bytes for a row, 32 for a result and about 100 for a dead letter, and of requests
// nothing. Any thread, one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/audit_findings.hpp"
#include "domain/currency.hpp"
#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "persistence/postgres.hpp"

namespace ledgerd {

struct audit_rules {
  currency_code default_currency; // the daemon's, for requests that name none
  bool live = false;              // the daemon is at work: what is not settled yet is no fault
};

// Sixteen bytes that stand for a message's subject and payload. Equal within a process only.
struct digest {
  std::uint64_t a = 0;
  std::uint64_t b = 0;

  friend auto operator<=>(const digest&, const digest&) = default;
};

digest digest_of(std::string_view subject, std::string_view payload) noexcept;

// The order of the calls makes the picture sound although the daemon goes on working: what a
// consumer had settled at the beginning has its dead letter, its result and its row by the time
// these are read, and a row stands before its result.
class stream_audit {
public:
  // `findings` and `currencies` outlive this object.
  stream_audit(const audit_rules& rules, const currency_table& currencies, finding_list& findings)
      : rules_(rules), currencies_(currencies), findings_(findings) {}

  // 1. Where the ledger's two consumers stood, and what the streams held.
  void consumers(const consumer_state& deposits, const consumer_state& withdrawals);
  void streams(const stream_state& requests, const stream_state& results,
               const stream_state& dead_letters);
  // 2. All dead letters, then all results.
  void dead_letter(const stored_message& message);
  void result(const stored_message& message);
  // 3. All rows, in any order, then `match`.
  void row(const posting& row);
  void match();
  // 4. All requests, then `finish`.
  void request(const stored_message& message);
  void finish();

  std::uint64_t results() const noexcept { return results_.size(); }
  std::uint64_t dead_letters() const noexcept { return dead_letter_count_; }
  std::uint64_t requests() const noexcept { return requests_; }

  // Settled requests without row and dead letter, where as many dead letters are not held any more:
  // those may have been their answers.
  std::uint64_t unproven() const noexcept { return unproven_; }

private:
  struct row_state {
    std::int64_t record;
    std::int64_t content;    // the fingerprint, computed from the content
    digest result;           // of the message that it must have
    std::int64_t created_at; // microseconds
    bool has_result = false;
    bool asked_for = false;
    bool settled = false; // a request for it has been acknowledged
  };

  struct result_state {
    std::int64_t record;
    digest bytes;

    friend auto operator<=>(const result_state&, const result_state&) = default;
  };

  struct letter_state {
    bool from_results; // the original's stream: results, or else requests
    std::uint64_t original;
    std::uint64_t own;
    dead_reason reason;
    bool blames_currency;
    digest payload;
    std::size_t kept_bytes; // of the payload
    std::size_t full_bytes;

    std::pair<bool, std::uint64_t> key() const noexcept { return {from_results, original}; }
  };

  using row_range = std::pair<std::vector<row_state>::iterator, std::vector<row_state>::iterator>;
  using letter_range = std::pair<std::vector<letter_state>::const_iterator,
                                 std::vector<letter_state>::const_iterator>;

  row_range rows_of(std::int64_t record);
  letter_range letters_of(bool from_results, std::uint64_t original);
  bool is_settled(const stored_message& request) const;
  bool must_have_result(const row_state& row) const noexcept;
  bool must_have_request(const row_state& row) const noexcept;
  void match_results(std::vector<result_state>::const_iterator begin,
                     std::vector<result_state>::const_iterator end);
  void compare_with_letter(const stored_message& original, const letter_state& letter);
  bool is_founded(const letter_state& letter, const std::variant<entry, rejection>& decoded);
  void answer(const stored_message& request, const entry& asked, bool parked);
  void unanswered(const stored_message& request, const std::string& why);

  audit_rules rules_;
  const currency_table& currencies_;
  finding_list& findings_;
  std::uint64_t deposits_settled_ = 0; // up to this sequence number of the request stream
  std::uint64_t withdrawals_settled_ = 0;
  stream_state request_stream_;
  stream_state result_stream_;
  stream_state letter_stream_;
  std::int64_t first_result_at_ns_ = 0;
  std::uint64_t dead_letter_count_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t unproven_ = 0;
  std::vector<row_state> rows_;       // by record id once matched
  std::vector<result_state> results_; // by record id once matched
  std::vector<letter_state> letters_; // by original once `letters_sorted_`
  bool letters_sorted_ = false;
  std::vector<std::string> unanswered_; // details
};

} // namespace ledgerd
