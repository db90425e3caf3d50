// Checks requests, results and dead letters against the ledger's rows and each other.
//
// Pure but for the lists that it keeps, which go to files once they are large: 56 bytes for a row,
// 24 for a result, 48 for a request, 8 for a mark of the account side. In memory it keeps the dead
// letters' book. Any thread, one at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/audit/findings.hpp"
#include "app/audit/letters.hpp"
#include "app/audit/spill.hpp"
#include "domain/currency.hpp"
#include "messaging/broker.hpp"
#include "messaging/topology.hpp"
#include "persistence/postgres.hpp"

namespace ledgerd {

struct audit_rules {
  request_rules requests; // the daemon's
  bool live = false;      // the daemon is at work: what is not settled yet is no fault
  // When this ledger began, if it has taken accounts over by an import, in microseconds since 1970;
  // 0: it has not. What is older was another service's to decide.
  std::int64_t began_at = 0;
  // The account side's database is known to be that of the account side even when it is empty.
  bool own_account_database = false;
};

// Those of the ids that no record of the account side has.
using record_lookup = std::function<std::vector<record_id>(const std::vector<record_id>&)>;

// The order of the calls makes the picture sound although the daemon goes on working: what a
// consumer had settled at the beginning has its dead letter, its result and its row by the time
// these are read, and a row stands before its result.
class stream_audit {
public:
  // `findings`, `currencies` and `space` outlive this object.
  stream_audit(const audit_rules& rules, const currency_table& currencies, finding_list& findings,
               spill_space& space)
      : rules_(rules), currencies_(currencies), findings_(findings), letters_(findings),
        row_list_(space, "rows"), result_list_(space, "results"), request_list_(space, "requests"),
        marked_list_(space, "marked"), space_(space) {}

  // 1. Where the ledger's consumers stood, in the order of the movements, and what the streams
  // held.
  void consumers(std::span<const consumer_state> deciders);
  void streams(const stream_state& requests, const stream_state& results,
               const stream_state& dead_letters);
  // 2. All dead letters, then what people have done to some of them, then all results.
  void dead_letter(const stored_message& message) { letters_.dead_letter(message); }
  void action(const stored_message& message) { letters_.action(message); }
  void result(const stored_message& message);
  // 3. All rows, in any order.
  void row(const posting& row);
  // 4. All requests, then `finish`; `progress` hears how many parts of how many are matched. A
  // record is there before its request, so `missing`, which is asked last, tells what is lost;
  // null: there is no account side to ask.
  void request(const stored_message& message);
  void finish(const record_lookup& missing = nullptr,
              const std::function<void(std::size_t, std::size_t)>& progress = nullptr);

  std::uint64_t results() const noexcept { return counts_.results; }
  std::uint64_t dead_letters() const noexcept { return letters_.count(); }
  std::uint64_t requests() const noexcept { return counts_.requests; }

  // Settled requests that had to be parked and have no dead letter, from a time of which that
  // stream holds nothing any more: it has dropped them by its own limits, or was made later.
  std::uint64_t unproven() const noexcept { return counts_.unproven; }

  // Requests and results that another service has dealt with, before balances were imported.
  std::uint64_t before_import() const noexcept { return counts_.before_import; }

  // Rows that an import has opened accounts with.
  std::uint64_t openings() const noexcept { return counts_.openings; }

  // Where it is between two messages or rows, so that another one can go on there: beside this,
  // what steps 1 and 2 tell about the dead letters must be told again.
  struct place {
    std::array<std::uint64_t, movement_routes.size()> settled{};
    std::int64_t first_result_at_ns = 0;
    std::int64_t looked_at_us = 0;
    std::int64_t first_with_request = 0;
    std::int64_t first_with_result = 0;
    std::uint64_t results = 0;
    std::uint64_t requests = 0;
    std::uint64_t unproven = 0;
    std::uint64_t openings = 0;
    std::uint64_t before_import = 0;
    spill_sizes row_bytes{};
    spill_sizes result_bytes{};
    spill_sizes request_bytes{};
    spill_sizes marked_bytes{};
  };

  // Only with lists in files. Dead letters up to `letter_seq` have been judged before.
  place pause();
  void resume(const place& from, std::uint64_t letter_seq);

private:
  struct row_state {
    std::int64_t record;
    std::int64_t id;         // of the transaction
    std::int64_t content;    // the fingerprint, computed from the content
    digest result;           // of the message that it must have
    std::int64_t created_at; // microseconds
    bool has_result = false;
    bool asked_for = false;
    bool settled = false; // a request for it has been acknowledged
    bool opening = false; // nobody need have asked for it, and no result told of it
  };

  struct result_state {
    std::int64_t record;
    digest bytes;

    friend auto operator<=>(const result_state&, const result_state&) = default;
  };

  // A request that can be read, or a dead letter of one that says RECORD_ID_CONFLICT.
  struct request_state {
    std::int64_t record;
    std::int64_t content;
    std::uint64_t seq;
    std::int64_t stored_at_ns;
    std::uint64_t conflict_letter; // 0: this is the request
    bool settled;                  // and not parked
  };

  struct tally {
    std::uint64_t results = 0;
    std::uint64_t requests = 0;
    std::uint64_t unproven = 0;
    std::uint64_t openings = 0;
    std::uint64_t before_import = 0;
  };

  using row_range = std::pair<std::vector<row_state>::iterator, std::vector<row_state>::iterator>;
  row_range rows_of(std::int64_t record);
  void match();
  void finish_part();
  void note_mark(const stored_message& message, record_id record);
  void match_records(std::vector<std::int64_t> marked, const record_lookup& missing);
  bool is_settled(const stored_message& request) const;
  bool is_of_another_service(std::int64_t stored_at_ns) noexcept;
  bool reaches_back_to(std::int64_t created_at_us) const noexcept;
  bool must_have_result(const row_state& row) const noexcept;
  bool must_have_request(const row_state& row) const noexcept;
  void match_results(std::vector<result_state>::const_iterator begin,
                     std::vector<result_state>::const_iterator end);
  static bool is_founded(const letter_book::parked_letter& letter,
                         const std::variant<entry, rejection>& decoded);
  void report_unfounded(std::uint64_t letter, dead_reason reason, std::uint64_t request);
  void check_conflict(const request_state& letter);
  void answer(const request_state& request);
  bool may_be_forgotten(std::int64_t stored_at_ns) noexcept;

  audit_rules rules_;
  const currency_table& currencies_;
  finding_list& findings_;
  // Of each movement's requests, up to this sequence number of the request stream.
  std::array<std::uint64_t, movement_routes.size()> settled_{};
  stream_state request_stream_;
  stream_state result_stream_;
  std::int64_t first_result_at_ns_ = 0;
  std::int64_t looked_at_us_ = 0; // when the consumers were asked
  // The first transactions by id that are younger than what the streams reach back to. What has a
  // greater id is younger still, whatever time it says.
  std::int64_t first_with_request_ = INT64_MAX;
  std::int64_t first_with_result_ = INT64_MAX;
  tally counts_;
  letter_book letters_;
  spill_list<row_state> row_list_;
  spill_list<result_state> result_list_;
  spill_list<request_state> request_list_;
  spill_list<std::int64_t> marked_list_; // records whose requests or results have the mark
  spill_space& space_;
  // Of the part that is being finished, by record id.
  std::vector<row_state> rows_;
  std::vector<result_state> results_;
};

} // namespace ledgerd
