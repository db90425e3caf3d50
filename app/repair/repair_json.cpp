#include "app/repair/repair_json.hpp"

#include <cstddef>
#include <openssl/evp.h>
#include <optional>
#include <string>
#include <utility>

#include "app/base/json_depth.hpp"
#include "app/base/text.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

template <class Value>
ordered_json or_null(const std::optional<Value>& value) {
  return value ? ordered_json(*value) : ordered_json{};
}

ordered_json time_or_null(std::int64_t ns) {
  return ns == 0 ? ordered_json{} : ordered_json(format_time(ns / 1000));
}

// A header that should hold a number.
ordered_json count_or_null(const std::string& text) {
  return or_null(number_of(text));
}

ordered_json record_or_null(const std::optional<record_id>& record) {
  return record ? ordered_json(to_int(*record)) : ordered_json{};
}

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(ordered_json(text).dump()); // which refuses what is not
    return true;
  } catch (const ordered_json::type_error&) {
    return false;
  }
}

std::string base64(const std::string& bytes) {
  std::string result((bytes.size() + 2) / 3 * 4 + 1, '\0'); // which OpenSSL ends with a null
  const auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(result.data()),
                                    reinterpret_cast<const unsigned char*>(bytes.data()),
                                    static_cast<int>(bytes.size()));
  result.resize(static_cast<std::size_t>(size));
  return result;
}

} // namespace

ordered_json letter_json(const shelved_letter& shown) {
  const auto& letter = shown.letter;
  const auto& content = letter.content;
  const auto& payload = letter.message.payload;
  ordered_json result{{"seq", letter.seq()},
                      {"at", time_or_null(letter.message.stored_at_ns)},
                      {"subject", letter.message.subject},
                      {"reason", letter.reason},
                      {"detail", letter.detail},
                      {"cause", letter.cause},
                      {"source",
                       {{"stream", letter.stream},
                        {"sequence", count_or_null(letter.sequence)},
                        {"subject", letter.subject}}},
                      {"deliveries", count_or_null(letter.deliveries)},
                      {"node", letter.node},
                      {"recordId", record_or_null(content.record)},
                      {"userId", or_null(content.user)},
                      {"currency", or_null(content.currency)},
                      {"type", or_null(content.type)},
                      {"amount", or_null(content.amount)},
                      {"bytes", letter.full_bytes.value_or(shown.payload_bytes)},
                      {"truncated", letter.full_bytes.has_value()},
                      {"replays", shown.replays.times},
                      {"lastReplayAt", time_or_null(shown.replays.last_ns)},
                      {"failedAgain", or_null(shown.failed_again)},
                      {"marksComplete", shown.marks_complete},
                      {"replayOf", or_null(letter.replay_of)},
                      {"payload", payload}};
  // One that a page has cut, perhaps within a character, is whole elsewhere.
  if (payload.size() == shown.payload_bytes && !is_utf8(payload))
    result["payloadBase64"] = base64(payload);
  return result;
}

ordered_json whole_letter_json(const shelved_letter& shown) {
  auto result = letter_json(shown);
  auto headers = ordered_json::object();
  for (const auto& [name, value] : shown.letter.message.headers)
    headers[name] = value;
  const auto& discard = shown.discarded_before;
  result["discardedBefore"] =
      discard ? ordered_json{{"letter", discard->letter},
                             {"at", time_or_null(discard->at_ns)},
                             {"who", discard->who},
                             {"why",
                              discard->why.empty() ? ordered_json{} : ordered_json(discard->why)}}
              : ordered_json{};
  result["headers"] = std::move(headers);
  return result;
}

ordered_json group_json(const letter_group& group) {
  return {{"cause", group.cause},
          {"reason", group.reason},
          {"detail", group.detail},
          {"count", group.count},
          {"oldest", time_or_null(group.oldest_ns)},
          {"newest", time_or_null(group.newest_ns)},
          {"example", group.example},
          {"replayed", group.replayed},
          {"failedAgain", group.failed_again}};
}

ordered_json action_json(const action& shown) {
  const auto parsed = nested_deeper(shown.document)
                          ? ordered_json{}
                          : ordered_json::parse(shown.document, nullptr, false);
  const auto at = [&](const char* name) {
    const auto found = parsed.is_object() ? parsed.find(name) : parsed.end();
    return found != parsed.end() ? *found : ordered_json{};
  };
  return {{"seq", shown.seq},
          {"at", time_or_null(shown.at_ns)},
          {"action", shown.what},
          {"letter", shown.letter == 0 ? ordered_json{} : ordered_json(shown.letter)},
          {"who", shown.who},
          {"why", shown.why.empty() ? ordered_json{} : ordered_json(shown.why)},
          {"reason", shown.reason},
          {"recordId", at("recordId")},
          {"userId", at("userId")},
          {"expected", at("expected")},
          {"changed", at("changed")},
          {"session", at("session")}};
}

ordered_json step_json(const repair_order& order, const repair_step& step) {
  ordered_json result{{"seq", step.seq},
                      {"found", step.found},
                      {"recordId", record_or_null(step.record)},
                      {"done", step.done && !order.dry_run}};
  if (order.dry_run)
    result["wouldBeDone"] = step.done;
  if (step.replay_of)
    result["replayOf"] = *step.replay_of;
  if (order.what == action_kind::discard || !step.found)
    return result;
  const auto& terms = step.terms;
  for (const auto& [name, text] :
       {std::pair{"userId", &terms.user}, std::pair{"type", &terms.type},
        std::pair{"currency", &terms.currency}, std::pair{"amount", &terms.amount}})
    result[name] = text->empty() ? ordered_json{} : ordered_json(*text);
  result["verdict"] = to_text(step.expected.what);
  const auto& [kind, reason, detail, balance, asked, waits] = step.expected;
  for (const auto& [name, text] : {std::pair{"reason", &reason}, std::pair{"detail", &detail},
                                   std::pair{"balanceAfter", &balance}})
    if (!text->empty())
      result[name] = *text;
  return result;
}

ordered_json outcome_json(const repair_order& order, const repair_outcome& outcome,
                          ordered_json items) {
  auto verdicts = ordered_json::object();
  for (const auto& [word, count] : outcome.verdicts)
    verdicts[word] = count;
  ordered_json result{{"dryRun", order.dry_run},
                      {"count", outcome.count},
                      {"done", order.dry_run ? 0 : outcome.done}};
  if (order.dry_run)
    result["wouldBeDone"] = outcome.done;
  result["missing"] = outcome.missing;
  result["verdicts"] = std::move(verdicts);
  result["items"] = std::move(items);
  result["next"] = or_null(outcome.next);
  result["upTo"] = outcome.up_to;
  result["failure"] = outcome.failure.empty() ? ordered_json{} : ordered_json(outcome.failure);
  return result;
}

ordered_json groups_json(const letter_shelf::grouping& found) {
  auto items = ordered_json::array();
  for (const auto& each : found.groups)
    items.push_back(group_json(each));
  auto body = page_json(std::move(items), std::nullopt);
  body["others"] = found.others;
  body["complete"] = found.complete;
  return body;
}

ordered_json page_json(ordered_json items, const std::optional<std::uint64_t>& next) {
  return {{"items", std::move(items)}, {"next", or_null(next)}};
}

} // namespace ledgerd
