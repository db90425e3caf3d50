// Requests, submissions, results and questions: what the decoders accept must be said in our own
// words again and then mean the same; requests are also read by an independent decoder.
#include "messaging/submission_codec.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/messaging/wire/codec_oracle.hpp"
#include "tests/messaging/wire/codec_worlds.hpp"

namespace {

using namespace ledgerd;

void try_submission(const std::string& payload, currency_code standard) {
  const auto decoded = decode_submission(payload, codec_currencies(), {standard, false});
  const auto* asked = accepted(decoded);
  if (asked == nullptr)
    return;
  const transaction_record record{.id = record_id{7}, .asked = *asked};
  const auto request = make_request(1, record, codec_exponent(asked->account.currency), 0);
  const auto again =
      decode_entry(request.subject, request.payload, codec_currencies(), {standard, false});
  const auto* read = accepted(again);
  demand(read != nullptr && submission{read->account, read->type, read->amount} == *asked,
         "a submission's request means something else");
}

void try_result(const std::string& payload) {
  const auto decoded = decode_result(payload, codec_currencies());
  const auto* verdict = accepted(decoded);
  if (verdict == nullptr)
    return;
  const auto refusal = parse_reason(verdict->reason);
  demand(refusal.has_value() == (verdict->status == record_status::failed),
         "status against reason");
  const posting stored{.id = verdict->transaction,
                       .record = verdict->id,
                       .account = verdict->decided.account,
                       .type = verdict->decided.type,
                       .amount = verdict->decided.amount,
                       .verdict = refusal.value_or(outcome::applied),
                       .balance_after = verdict->balance_after};
  const auto text = encode_result(stored, codec_exponent(stored.account.currency));
  const auto again = decode_result(text, codec_currencies());
  const auto* read = accepted(again);
  demand(read != nullptr && read->id == verdict->id && read->decided == verdict->decided
             && read->balance_after == verdict->balance_after && read->reason == verdict->reason,
         "a result means something else");
}

void try_questions(const std::string& payload) {
  accepted(decode_record_question(payload));
  accepted(decode_account_question(payload));
  accepted(decode_history_question(payload));
  if (const auto page = decode_history_position(payload))
    demand(encode_history_position(*page) == payload, "a cursor is written otherwise");
  accepted(decode_verdicts(payload, codec_currencies()));
  const auto currencies = decode_facts(payload);
  if (const auto* rows = accepted(currencies))
    demand(accepted(decode_facts(encode_facts(*rows))) != nullptr, "currencies");
  const auto ids = decode_verdict_question(payload);
  if (const auto* list = accepted(ids)) {
    const auto again = decode_verdict_question(encode_verdict_question(*list));
    demand(accepted(again) != nullptr && *accepted(again) == *list, "record ids");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string payload(data, data + size);
  const auto standard = *currency_code::parse("KRW");
  for (const auto* subject : {"transaction.deposit", "transaction.withdrawal"})
    if (const auto fault = codec_disagreement(subject, payload); !fault.empty())
      demand(false, fault.c_str());
  try_submission(payload, standard);
  try_result(payload);
  try_questions(payload);
  read_idempotency_key({payload});
  check_user_id(payload);
  return 0;
}
