#include "app/repair/action.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "app/base/text.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "messaging/record_look.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

// Of an entry as it is read: more than `action_entry` writes, which cuts with three dots.
constexpr std::size_t read_text_max = 2 * shown_text_max;
constexpr std::size_t read_document_max = std::size_t{64} << 10;

// One line: a header ends at its line's end.
std::string header_text(std::string_view text) {
  return shorten(one_line(text), shown_text_max);
}

ordered_json expected_json(const expected_verdict& expected) {
  ordered_json result{{"verdict", to_text(expected.what)}};
  if (!expected.reason.empty())
    result["reason"] = expected.reason;
  if (!expected.balance_after.empty())
    result["balanceAfter"] = expected.balance_after;
  return result;
}

// Of the entry for a letter with this message id: of two discards the broker stores one.
std::string discard_id(std::string_view letter) {
  return "discard-" + std::string(letter);
}

} // namespace

std::string_view to_text(action_kind what) noexcept {
  return what == action_kind::replay ? "replay" : "discard";
}

outgoing action_entry(action_kind what, const dead_letter& letter, const action_origin& origin,
                      const expected_verdict* expected, const field_changes& changed,
                      bool other_payload) {
  outgoing entry;
  entry.stream = names::action_stream;
  const bool replay = what == action_kind::replay;
  entry.subject = replay ? names::replay_subject : names::discard_subject;
  const auto stamp = std::to_string(letter.seq()) + "-" + std::to_string(origin.stamp) + "-";
  const auto id = value_of(letter.message, "Nats-Msg-Id");
  entry.message_id = replay || id.empty()
                         ? std::string(to_text(what)) + "-" + stamp + std::string(id)
                         : discard_id(id);
  for (const auto& each : letter.message.headers)
    if (each.name.starts_with("Ledgerd-"))
      entry.headers.push_back(each);
  entry.headers.push_back({std::string(names::letter_header), std::to_string(letter.seq())});
  entry.headers.push_back({"Ledgerd-Who", header_text(origin.who)});
  if (!origin.why.empty())
    entry.headers.push_back({"Ledgerd-Why", header_text(origin.why)});
  ordered_json document{{"action", to_text(what)}, {"letter", letter.seq()}};
  document["who"] = header_text(origin.who);
  if (!origin.why.empty())
    document["why"] = header_text(origin.why);
  if (letter.content.record)
    document["recordId"] = to_int(*letter.content.record);
  if (letter.content.user)
    document["userId"] = shorten(*letter.content.user, shown_text_max);
  if (expected != nullptr)
    document["expected"] = expected_json(*expected);
  for (const auto& [field, text] : changed)
    document["changed"][field] = shorten(text, shown_text_max);
  if (other_payload)
    document["changed"]["payload"] = shorten(letter.message.payload, shown_text_max);
  entry.payload = document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return entry;
}

outgoing session_entry(const ended_session& whom, const action_origin& origin) {
  constexpr auto what = "end-session";
  outgoing entry;
  entry.stream = names::action_stream;
  entry.subject = names::end_session_subject;
  entry.message_id =
      std::string(what) + "-" + std::to_string(whom.pid) + "-" + std::to_string(origin.stamp);
  entry.headers = {{"Ledgerd-Who", header_text(origin.who)},
                   {"Ledgerd-Why", header_text(origin.why)}};
  const ordered_json session{
      {"pid", whom.pid},
      {"user", whom.user},
      {"application", whom.application},
      {"since", whom.since_us ? ordered_json(format_time(*whom.since_us)) : ordered_json{}},
      {"blocked", whom.blocked},
      {"on", whom.rows}};
  const ordered_json document{{"action", what},
                              {"who", header_text(origin.who)},
                              {"why", header_text(origin.why)},
                              {"session", session}};
  entry.payload = document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return entry;
}

outgoing replay_message(const dead_letter& letter, std::int64_t stamp) {
  const auto target = target_of(letter);
  outgoing again;
  again.subject = target.subject;
  again.stream = target.is_result ? names::result_stream : names::request_stream;
  if (target.is_result) {
    const auto record = record_in_payload(letter.message.payload);
    if (!record)
      throw std::runtime_error("a result without a record id");
    again.message_id = result_message_id(*record) + ".";
  }
  again.message_id += "replay-" + std::to_string(letter.seq()) + "-" + std::to_string(stamp);
  again.payload = letter.message.payload;
  for (const auto& each : letter.message.headers)
    if ((!each.name.starts_with("Ledgerd-") && !each.name.starts_with("Nats-"))
        || (target.is_result && each.name == names::account_mark)) // it is judged by its mark
      again.headers.push_back(each);
  again.headers.push_back({std::string(names::replay_of), std::to_string(letter.seq())});
  return again;
}

bool is_earlier_discard(const stored_message& entry, const dead_letter& letter) {
  if (entry.subject != names::discard_subject || entry.stored_at_ns >= letter.message.stored_at_ns)
    return false;
  // As `action_entry` names it: the same message, however often it is parked.
  const auto id = value_of(letter.message, "Nats-Msg-Id");
  if (!id.empty() && value_of(entry, "Nats-Msg-Id") == discard_id(id))
    return true;
  const auto& record = letter.content.record;
  return record && may_name(entry.payload, *record) && record_in_payload(entry.payload) == record;
}

action read_action(const stored_message& entry) {
  action result;
  result.seq = entry.seq;
  result.at_ns = entry.stored_at_ns;
  result.what = entry.subject.substr(entry.subject.rfind('.') + 1);
  result.letter = number_of(value_of(entry, names::letter_header)).value_or(0);
  result.who = shorten(value_of(entry, "Ledgerd-Who"), read_text_max);
  result.why = shorten(value_of(entry, "Ledgerd-Why"), read_text_max);
  result.reason = shorten(value_of(entry, "Ledgerd-Reason"), read_text_max);
  if (entry.payload.size() <= read_document_max)
    result.document = entry.payload;
  return result;
}

} // namespace ledgerd
