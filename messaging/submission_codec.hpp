// The wire format of the account side: what callers send and get, over HTTP and over NATS alike
// (contract sections 2, 3 and 6). Pure functions; any thread; no function throws on any input.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/history.hpp"
#include "domain/record.hpp"
#include "messaging/codec.hpp"

namespace ledgerd {

inline constexpr std::size_t idempotency_key_bytes_max = 255;
inline constexpr int history_limit_max = 1000;
inline constexpr int history_limit_default = 50;
// Of the largest answer over NATS, a page of so many rows with the longest texts.
inline constexpr std::size_t answer_bytes_max = 640'000;

// Reads `{userId, type, amount, currency?}`, by the rules of a request's payload; `type` is
// required. A `recordId` is refused: INVALID_FIELD, for the caller seems to believe that it chooses
// the id.
std::variant<submission, rejection> decode_submission(std::string_view body,
                                                      const currency_table& currencies,
                                                      const request_rules& rules);

// The key of a call that gives the header Idempotency-Key with these values: empty without the
// header; else it must stand once and have 1 to 255 visible ASCII characters.
std::variant<std::string, rejection>
read_idempotency_key(const std::vector<std::string_view>& values);

// The rule that a user's name outside a document breaks, as a sentence that names the field: those
// of the field `userId`, and it must be UTF-8.
std::optional<rejection> check_user_id(std::string_view user_id);

// A record's id outside a document, by the rules of the field `recordId`.
std::variant<record_id, rejection> read_record_id(std::string_view text);

// The request message of a record: subject, payload and message id. `attempt` 0 is the first
// publication, whose message id is the record id; each later one has an id of its own
// (`<recordId>-<attempt>`), or the broker's duplicate window would swallow it. Carries the mark.
outgoing make_request(std::uint64_t token, const transaction_record& record, int exponent,
                      std::uint64_t attempt);

// Reads a result as `encode_result` writes it. Field order does not matter.
std::variant<record_verdict, rejection> decode_result(std::string_view payload,
                                                      const currency_table& currencies);

// Whether a result or dead letter is of a request of the account side.
bool has_account_mark(const std::vector<header>& headers);

// Whether a record may have ended FAILED for this reason because its request was parked.
bool is_parking_reason(std::string_view reason);

// What a dead letter with the account side's mark says: that a request was parked which will never
// be decided, with its content; whether a record asked for just that, only its row can tell. Or why
// it is no letter about the request of the record that it is marked with: anybody who may publish
// requests can write a mark. Nothing for letters without a mark and for those of anything else.
std::optional<std::variant<record_verdict, rejection>>
decode_parked_request(const std::vector<header>& headers, std::string_view payload,
                      const currency_table& currencies);

// {recordId, transactionId?, userId, type, amount, currency, status, reason?, balanceAfter?,
// createdAt, updatedAt}
std::string encode_record(const transaction_record& record, int exponent);

// The same for a posting: a record that has its verdict; both times are the posting's.
std::string encode_record(const posting& stored, int exponent);

// {userId, accounts: [{currency, balance, seq, updatedAt}]}
struct account_balance {
  currency_code currency;
  int exponent = 0;
  account_head head;
  database_time updated_at{};
};
std::string encode_account(std::string_view user_id, const std::vector<account_balance>& accounts);

// {"items": [...], "next": cursor or null}. `next` is the cursor as JSON: of one account the
// sequence number below which the next page begins, of all a text; empty on the last page. Nothing
// when a posting is in a currency that is not known: money is not shown without its exponent.
std::optional<std::string> encode_history(const std::vector<posting>& postings,
                                          const currency_table& currencies, std::string_view next);

// Questions over NATS.
std::variant<record_id, rejection>
decode_record_question(std::string_view body); // {"recordId": ...}
std::variant<std::string, rejection>
decode_account_question(std::string_view body); // {"userId": ...}
std::string encode_account_question(std::string_view user_id);

struct history_question {
  std::string user_id;
  std::optional<currency_code> currency; // nothing: all of the user's
  int limit = history_limit_default;
  std::int64_t before = 0; // of one currency: the sequence number; 0: from the newest
  history_position page;   // of all currencies: where the page begins
};
// {"userId", "currency"?, "limit"?, "before"?}; the numbers also as strings, as a query string
// holds them. A currency need not be known here: the ledger has accounts in it or has not.
std::variant<history_question, rejection> decode_history_question(std::string_view body);

// The arguments of a question about a history that come one by one: each with all the values that
// were given, of which an empty one stands for none.
struct history_arguments {
  std::string_view user_id;
  std::vector<std::string_view> currency;
  std::vector<std::string_view> limit;
  std::vector<std::string_view> before;
};
// The rule they break as texts, in the words of `decode_history_question`, which reads the rest.
std::optional<rejection> check_history(const history_arguments& given);

// The cursor of a history of all currencies: `<transaction id>-<currency>.<seq>-...`, opaque to
// callers. Reads what it writes, and nothing else.
std::string encode_history_position(const history_position& page);
std::optional<history_position> decode_history_position(std::string_view text);

std::string encode_history_question(std::string_view user_id, std::string_view currency,
                                    std::string_view limit,
                                    std::string_view before); // empty texts are left out

// The redriver's question to the ledger: which of these records are decided, and how. The answer
// holds their results as they stand in the result stream: {"results": [...]}.
inline constexpr std::size_t verdict_question_max = 500;
std::string encode_verdict_question(const std::vector<record_id>& ids); // {"recordIds": [...]}
std::variant<std::vector<record_id>, rejection>
decode_verdict_question(std::string_view body); // at most `verdict_question_max`
std::string encode_verdicts(const std::vector<posting>& decided, const currency_table& currencies);
std::variant<std::vector<record_verdict>, rejection>
decode_verdicts(std::string_view body, const currency_table& currencies);

// What the account side asks of the ledger: the currencies, and the highest record id from `from`
// on, within `record_id_window`, that is decided.
inline constexpr std::int64_t record_id_window = 1'000'000'000'000;
std::string encode_facts_question(record_id from); // {"recordIdsFrom": ...}
std::variant<std::optional<record_id>, rejection> decode_facts_question(std::string_view body);

// {"currencies": [{"code", "exponent"}], "highestRecordId"?, "highestTransactionId"?}
struct ledger_facts {
  std::vector<currency> currencies;
  std::optional<ledger_marks> marks; // nothing: a node of an older version has answered
};
std::string encode_facts(const ledger_facts& facts);
std::variant<ledger_facts, rejection> decode_facts(std::string_view body);

// An application/problem+json document (RFC 9457). `code` is the stable word of the contract,
// `title` the HTTP phrase.
std::string encode_problem(int status, std::string_view title, std::string_view code,
                           std::string_view detail);

} // namespace ledgerd
