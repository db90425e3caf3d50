// What the actors of the account side say to each other, on the ground of
// actors/common/protocol.hpp: each handle says only what its holder wants. What an actor says to
// itself stands beside it.
#pragma once

#include <caf/typed_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/common/protocol.hpp"
#include "domain/record.hpp"
#include "messaging/ports.hpp"
#include "persistence/record_store.hpp"

CAF_BEGIN_TYPE_ID_BLOCK(ledgerd_account, caf::first_custom_type_id + 200)
CAF_ADD_ATOM(ledgerd_account, ledgerd, submit_atom, "submit")
CAF_ADD_ATOM(ledgerd_account, ledgerd, record_atom, "record")
CAF_ADD_ATOM(ledgerd_account, ledgerd, settle_atom, "settle")
CAF_ADD_ATOM(ledgerd_account, ledgerd, settled_atom, "settled")
CAF_ADD_ATOM(ledgerd_account, ledgerd, find_atom, "find")
CAF_ADD_ATOM(ledgerd_account, ledgerd, claim_atom, "claim")
CAF_ADD_ATOM(ledgerd_account, ledgerd, ask_atom, "ask")
CAF_ADD_ATOM(ledgerd_account, ledgerd, handles_atom, "handles")
CAF_END_TYPE_ID_BLOCK(ledgerd_account)

namespace ledgerd {

using new_records_ptr = std::shared_ptr<std::vector<new_record>>;
using verdicts_ptr = std::shared_ptr<std::vector<record_verdict>>;
using records_ptr = std::shared_ptr<const std::vector<transaction_record>>;

struct recorded_batch {
  record_result result;
};
struct settled_batch {
  settle_result result;
};
struct found_records {
  find_result result;
};

// RECORDER: owns one connection to the records' database; detached, since it blocks. One instance
// for each of its callers, so that a long batch of one does not hold up the others.
using recorder_actor = caf::typed_actor<
    // New records, from the INTAKE.
    caf::replies_to<record_atom, new_records_ptr>::with<recorded_batch>,
    // Verdicts, from the RECONCILER and the REDRIVER.
    caf::replies_to<settle_atom, verdicts_ptr>::with<settled_batch>,
    // Records by their ids.
    caf::replies_to<find_atom, std::vector<record_id>>::with<found_records>,
    // At most so many PENDING records that nobody touched for so many milliseconds, from the
    // REDRIVER.
    caf::replies_to<claim_atom, std::int64_t, std::uint64_t>::with<found_records>,
    // Answered late while the database is.
    caf::replies_to<report_atom>::with<actor_report>>;

// Finds records by their ids: a RECORDER, or the LOOKUP, which answers within a few seconds
// whatever the database does.
using record_finder =
    caf::typed_actor<caf::replies_to<find_atom, std::vector<record_id>>::with<found_records>>;

enum class submit_outcome : std::uint8_t {
  accepted,    // a new record
  repeated,    // the key's record, with the same content
  conflict,    // the key has a record with other content
  unavailable, // not recorded, or not known to be: `detail` says why
};

struct submit_answer {
  submit_outcome outcome = submit_outcome::unavailable;
  transaction_record record; // without meaning for `unavailable`
  std::string detail;
};

// Both times are by the steady clock and count from the call's arrival.
struct submit_request {
  new_record asked;
  // Until when the answer may be held back for the verdict; none: not at all.
  std::chrono::steady_clock::time_point wait_until{};
  // What is not on its way to the database by then is dropped unread: its caller has been answered.
  std::chrono::steady_clock::time_point deadline{};
  std::function<void(const submit_answer&)>
      answer; // called once, on the intake's thread; must not block
  // The trace that the request goes on with; empty: none.
  std::string traceparent{};
  std::string tracestate{};
  // When it came to the INTAKE, which sets it.
  std::chrono::steady_clock::time_point since{};
};

// Takes what callers submit, from HTTP and NATS: the INTAKE.
using submission_sink = caf::typed_actor<caf::reacts_to<submit_atom, submit_request>>;

// Hears of records that have their verdict now, from the RECONCILER and the REDRIVER: the INTAKE.
using settled_sink = caf::typed_actor<caf::reacts_to<settled_atom, records_ptr>>;

// Asks other nodes over NATS, by subject and payload, and brings the answer, which always comes,
// within the inquirer's deadline: the LEDGER_CLIENT.
using question_sink =
    caf::typed_actor<caf::replies_to<ask_atom, std::string, std::string>::with<api_reply>>;

// What callers of the account side speak to.
struct submission_handles {
  submission_sink intake;
  record_finder finder;
  question_sink ledger_client;
};

// ROOT: the root of the account side: spawns bottom-up, stops top-down.
using submission_root_actor =
    caf::typed_actor<caf::replies_to<handles_atom>::with<submission_handles>,
                     // Time passes: the roll call.
                     caf::reacts_to<tick_atom>,
                     // Shut down in order within so many milliseconds.
                     caf::replies_to<drain_atom, std::int64_t>::with<drain_summary>,
                     caf::replies_to<report_atom>::with<std::vector<actor_report>>>;

} // namespace ledgerd

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::new_records_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::verdicts_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::records_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<ledgerd::record_id>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::recorded_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::settled_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::found_records)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::submit_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::api_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::submission_handles)
