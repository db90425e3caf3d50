// What JetStream answers: PubAcks, errors, states of streams and consumers, stored messages, and
// the settings that are judged. Whatever an answer holds, nothing is thrown, and no PubAck is made
// up.
#include <array>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "messaging/nats/incoming.hpp"
#include "messaging/nats/js_answers.hpp"
#include "messaging/nats/settings.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace ledgerd;

// Believed only when a whole parser says so, too.
void try_publish_answer(std::string_view text) {
  const auto got = parse_publish_answer(text);
  demand((got.outcome == publish_outcome::confirmed) == got.error.empty(),
         "an answer that is neither a PubAck nor a refusal");
  if (got.outcome != publish_outcome::confirmed)
    return;
  const auto document = nlohmann::json::parse(text, nullptr, false);
  // The quick look does not judge the bytes of the name.
  demand(document.is_discarded()
             || (document.is_object() && !document.contains("error") && document.contains("seq")
                 && document["seq"].is_number_unsigned() && document["seq"] > 0
                 && document.contains("stream") && document["stream"].is_string()),
         "a PubAck is made up");
}

void try_time(std::string_view text) {
  constexpr std::int64_t end_of_2261 = 9'214'646'400'000'000'000;
  const auto time = parse_time(text);
  demand(time < end_of_2261 + 400'000'000'000'000 && time > -end_of_2261 - 400'000'000'000'000,
         "a time beyond its bounds");
}

void try_settings(const std::string& text) {
  const std::array uses{stream_use::requests, stream_use::results, stream_use::dead_letters,
                        stream_use::announcements};
  for (const auto use : uses) {
    const auto said = judge_stream({"S", use, {"transaction.deposit"}}, text, {});
    for (const auto* list : {&said.refused, &said.warned})
      for (const auto& each : *list)
        demand(!each.empty(), "an empty sentence");
  }
  for (const auto& consumer : durable_consumers)
    judge_consumer(consumer, text, {});
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{text_of(data, size)};
  try_publish_answer(text);
  try_time(text);
  if (const auto limit = parse_message_limit(text))
    demand(*limit > 0, "a limit of nothing");
  int code = 0;
  parse_api_error(text, code);
  parse_creation_time(text);
  parse_stream_state(text);
  parse_consumer_state(text);
  parse_consumer_page(text);
  tight_limits(parse_account_use(text));
  tight_consumers(parse_account_use(text), "S", parse_stream_use(text));
  for (const auto& each : parse_stored_message(text).headers)
    demand(!each.name.empty(), "a header without a name");
  parse_headers(text);
  try_settings(text);
  return 0;
}
