// Checks requests, results and dead letters against the ledger's rows and each other.
//
// Pure. Keeps 48 bytes for a row, 32 for a result, the dead letters' book, and of requests nothing.
// Any thread, one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/audit/findings.hpp"
#include "app/audit/letters.hpp"
#include "domain/currency.hpp"
#include "messaging/broker.hpp"
#include "messaging/topology.hpp"
#include "persistence/postgres.hpp"

namespace ledgerd {

struct audit_rules {
  request_rules requests; // the daemon's
  bool live = false;      // the daemon is at work: what is not settled yet is no fault
  // When the first account was opened by an import, in microseconds since 1970; 0: none was. What
  // is older and has no row was another service's to decide.
  std::int64_t opened_at = 0;
};

// The order of the calls makes the picture sound although the daemon goes on working: what a
// consumer had settled at the beginning has its dead letter, its result and its row by the time
// these are read, and a row stands before its result.
class stream_audit {
public:
  // `findings` and `currencies` outlive this object.
  stream_audit(const audit_rules& rules, const currency_table& currencies, finding_list& findings)
      : rules_(rules), currencies_(currencies), findings_(findings), letters_(findings) {}

  // 1. Where the ledger's consumers stood, in the order of the movements, and what the streams
  // held.
  void consumers(std::span<const consumer_state> deciders);
  void streams(const stream_state& requests, const stream_state& results,
               const stream_state& dead_letters);
  // 2. All dead letters, then what people have done to some of them, then all results.
  void dead_letter(const stored_message& message) { letters_.dead_letter(message); }
  void action(const stored_message& message) { letters_.action(message); }
  void result(const stored_message& message);
  // 3. All rows, in any order, then `match`.
  void row(const posting& row);
  void match();
  // 4. All requests, then `finish`.
  void request(const stored_message& message);
  void finish();

  std::uint64_t results() const noexcept { return results_.size(); }
  std::uint64_t dead_letters() const noexcept { return letters_.count(); }
  std::uint64_t requests() const noexcept { return requests_; }

  // Settled requests that had to be parked and have no dead letter, from a time of which that
  // stream holds nothing any more: it has dropped them by its own limits, or was made later.
  std::uint64_t unproven() const noexcept { return unproven_; }

  // Requests and results that another service has dealt with, before balances were imported.
  std::uint64_t before_import() const noexcept { return before_import_; }

  // Rows that an import has opened accounts with.
  std::uint64_t openings() const noexcept { return openings_; }

private:
  struct row_state {
    std::int64_t record;
    std::int64_t content;    // the fingerprint, computed from the content
    digest result;           // of the message that it must have
    std::int64_t created_at; // microseconds
    bool opening = false;    // nobody need have asked for it, and no result told of it
    bool has_result = false;
    bool asked_for = false;
    bool settled = false; // a request for it has been acknowledged
  };

  struct result_state {
    std::int64_t record;
    digest bytes;

    friend auto operator<=>(const result_state&, const result_state&) = default;
  };

  using row_range = std::pair<std::vector<row_state>::iterator, std::vector<row_state>::iterator>;
  row_range rows_of(std::int64_t record);
  bool is_settled(const stored_message& request) const;
  bool is_of_another_service(const stored_message& message) noexcept;
  bool must_have_result(const row_state& row) const noexcept;
  bool must_have_request(const row_state& row) const noexcept;
  void match_results(std::vector<result_state>::const_iterator begin,
                     std::vector<result_state>::const_iterator end);
  bool is_founded(const letter_book::parked_letter& letter,
                  const std::variant<entry, rejection>& decoded);
  void answer(const stored_message& request, const entry& asked, bool parked);
  bool may_be_forgotten(const stored_message& request) noexcept;

  audit_rules rules_;
  const currency_table& currencies_;
  finding_list& findings_;
  // Of each movement's requests, up to this sequence number of the request stream.
  std::array<std::uint64_t, movement_routes.size()> settled_{};
  stream_state request_stream_;
  stream_state result_stream_;
  std::int64_t first_result_at_ns_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t unproven_ = 0;
  std::uint64_t openings_ = 0;
  std::uint64_t before_import_ = 0;
  std::vector<row_state> rows_;       // by record id once matched
  std::vector<result_state> results_; // by record id once matched
  letter_book letters_;
};

} // namespace ledgerd
