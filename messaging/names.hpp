// The fixed names of streams, subjects and consumers (contract section 1) that do not belong to one
// kind of movement: those stand in topology.hpp.
#pragma once

#include <string_view>

namespace ledgerd::names {

inline constexpr std::string_view request_stream = "TRANSACTIONS";
inline constexpr std::string_view result_stream = "TRANSACTION_RESULTS";
inline constexpr std::string_view dead_letter_stream = "TRANSACTION_DEAD_LETTERS";

// Ours beyond the contract: the broker's announcements that a consumer has given a request up.
inline constexpr std::string_view exhausted_stream = "TRANSACTION_EXHAUSTED";
inline constexpr std::string_view exhausted_prefix =
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.TRANSACTIONS.";

// Ours beyond the contract: what people have done to dead letters, for the audit.
inline constexpr std::string_view action_stream = "TRANSACTION_ACTIONS";
inline constexpr std::string_view action_subjects = "transaction.action.>";
inline constexpr std::string_view discard_subject = "transaction.action.discard";
inline constexpr std::string_view replay_subject = "transaction.action.replay";

// The header of an entry that names its letter, and the one by which a replayed message, and the
// letter that it becomes when it is parked again, name the letter that was replayed.
inline constexpr std::string_view letter_header = "Ledgerd-Letter";
inline constexpr std::string_view replay_of = "Ledgerd-Replay-Of";

inline constexpr std::string_view result_subjects = "transaction.result.>";
inline constexpr std::string_view dead_letter_subjects = "transaction.dead.>";
inline constexpr std::string_view dead_letter_prefix = "transaction.dead.";

inline constexpr std::string_view account_result_consumer = "account-result-consumer";
inline constexpr std::string_view account_dead_letter_consumer = "account-dead-letter-consumer";

// The header by which the account side knows its requests again: the record id. It stands on the
// result and on the dead letter, too.
inline constexpr std::string_view account_mark = "Ledgerd-Account";

// Questions over NATS request/reply. A node with the account role answers the first two, one with
// the ledger role the others.
inline constexpr std::string_view api_queue_group = "ledgerd";
inline constexpr std::string_view inbox_prefix = "_INBOX."; // where clients want their answers
inline constexpr std::string_view api_submit = "ledgerd.api.submit";
inline constexpr std::string_view api_record = "ledgerd.api.record";
inline constexpr std::string_view api_account = "ledgerd.api.account";
inline constexpr std::string_view api_history = "ledgerd.api.history";
inline constexpr std::string_view api_verdicts = "ledgerd.api.verdicts";
inline constexpr std::string_view api_currencies = "ledgerd.api.currencies";

// Between nodes. Every node says its word on the first and answers on the second; frames of entries
// go to the subject of one node: `ledgerd.node.<boot id>.entries`.
inline constexpr std::string_view cluster_word = "ledgerd.cluster.word";
inline constexpr std::string_view cluster_ask = "ledgerd.cluster.ask";
inline constexpr std::string_view node_prefix = "ledgerd.node.";
inline constexpr std::string_view node_entries_suffix = ".entries";

// The headers of an answer that is a problem document: the HTTP status and the problem's code.
inline constexpr std::string_view service_error_code = "Nats-Service-Error-Code";
inline constexpr std::string_view service_error = "Nats-Service-Error";

} // namespace ledgerd::names
