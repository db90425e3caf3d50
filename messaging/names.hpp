// The names of streams, subjects and consumers, as this process uses them: those of the contract
// (section 1), or what the configuration has put in their place (chosen_names.hpp). Chosen once,
// before there is a second thread, and never again: any thread reads them. What belongs to one kind
// of movement stands in topology.hpp.
//
// A constant of a file must not be made of one of these: it would be made before they are chosen.
#pragma once

#include <string_view>

namespace ledgerd::names {

// What is chosen, and what follows from it. The contract's, until somebody chooses.
struct chosen_names {
  std::string_view request_stream = "TRANSACTIONS";
  std::string_view result_stream = "TRANSACTION_RESULTS";
  std::string_view dead_letter_stream = "TRANSACTION_DEAD_LETTERS";

  // Ours beyond the contract: the broker's announcements that a consumer has given a request up.
  std::string_view exhausted_stream = "TRANSACTION_EXHAUSTED";
  std::string_view exhausted_prefix = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.TRANSACTIONS.";

  // Ours beyond the contract: what people have done to dead letters, for the audit, and to sessions
  // of the database.
  std::string_view action_stream = "TRANSACTION_ACTIONS";
  std::string_view action_subjects = "transaction.action.>";
  std::string_view discard_subject = "transaction.action.discard";
  std::string_view replay_subject = "transaction.action.replay";
  std::string_view end_session_subject = "transaction.action.end-session";

  std::string_view result_subjects = "transaction.result.>";
  std::string_view dead_letter_subjects = "transaction.dead.>";
  std::string_view dead_letter_prefix = "transaction.dead.";

  std::string_view account_result_consumer = "account-result-consumer";
  std::string_view account_dead_letter_consumer = "account-dead-letter-consumer";

  // What a shadow reads: its own, beside those of the service that it is compared with.
  std::string_view shadow_request_consumer = "request-consumer-shadow";
  std::string_view shadow_result_consumer = "result-consumer-shadow";

  // Questions over NATS request/reply. A node with the account role answers the first two, one with
  // the ledger role the others.
  std::string_view api_submit = "ledgerd.api.submit";
  std::string_view api_record = "ledgerd.api.record";
  std::string_view api_account = "ledgerd.api.account";
  std::string_view api_history = "ledgerd.api.history";
  std::string_view api_verdicts = "ledgerd.api.verdicts";
  std::string_view api_currencies = "ledgerd.api.currencies";

  // Between nodes. Every node says its word on the first and answers on the second; frames of
  // entries go to the subject of one node: `ledgerd.node.<boot id>.entries`.
  std::string_view cluster_word = "ledgerd.cluster.word";
  std::string_view cluster_ask = "ledgerd.cluster.ask";
  std::string_view node_prefix = "ledgerd.node.";
};

extern chosen_names chosen; // written by choose_names alone

#define LEDGERD_CHOSEN(name) inline constexpr const std::string_view& name = chosen.name
LEDGERD_CHOSEN(request_stream);
LEDGERD_CHOSEN(result_stream);
LEDGERD_CHOSEN(dead_letter_stream);
LEDGERD_CHOSEN(exhausted_stream);
LEDGERD_CHOSEN(exhausted_prefix);
LEDGERD_CHOSEN(action_stream);
LEDGERD_CHOSEN(action_subjects);
LEDGERD_CHOSEN(discard_subject);
LEDGERD_CHOSEN(replay_subject);
LEDGERD_CHOSEN(end_session_subject);
LEDGERD_CHOSEN(result_subjects);
LEDGERD_CHOSEN(dead_letter_subjects);
LEDGERD_CHOSEN(dead_letter_prefix);
LEDGERD_CHOSEN(account_result_consumer);
LEDGERD_CHOSEN(account_dead_letter_consumer);
LEDGERD_CHOSEN(shadow_request_consumer);
LEDGERD_CHOSEN(shadow_result_consumer);
LEDGERD_CHOSEN(api_submit);
LEDGERD_CHOSEN(api_record);
LEDGERD_CHOSEN(api_account);
LEDGERD_CHOSEN(api_history);
LEDGERD_CHOSEN(api_verdicts);
LEDGERD_CHOSEN(api_currencies);
LEDGERD_CHOSEN(cluster_word);
LEDGERD_CHOSEN(cluster_ask);
LEDGERD_CHOSEN(node_prefix);
#undef LEDGERD_CHOSEN

// What follows is fixed.

// The header of an entry that names its letter, and the one by which a replayed message, and the
// letter that it becomes when it is parked again, name the letter that was replayed.
inline constexpr std::string_view letter_header = "Ledgerd-Letter";
inline constexpr std::string_view replay_of = "Ledgerd-Replay-Of";

// The header by which the account side knows its requests again: the record id. It stands on the
// result and on the dead letter, too.
inline constexpr std::string_view account_mark = "Ledgerd-Account";

inline constexpr std::string_view api_queue_group = "ledgerd";
inline constexpr std::string_view inbox_prefix = "_INBOX."; // where clients want their answers
inline constexpr std::string_view node_entries_suffix = ".entries";

// The headers of an answer that is a problem document: the HTTP status and the problem's code.
inline constexpr std::string_view service_error_code = "Nats-Service-Error-Code";
inline constexpr std::string_view service_error = "Nats-Service-Error";

} // namespace ledgerd::names
