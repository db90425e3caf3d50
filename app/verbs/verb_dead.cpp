#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

struct list_options {
  std::size_t limit = 50;
  bool json = false;
};

struct show_options {
  std::uint64_t seq = 0;
  bool json = false;
};

struct discard_options {
  std::uint64_t seq = 0;
  bool yes = false;
  std::string why;
};

constexpr auto replay_patience = std::chrono::seconds{10};

nlohmann::ordered_json to_json(const stored_message& message) {
  auto headers = nlohmann::ordered_json::object();
  for (const auto& [name, value] : message.headers)
    headers[name] = value;
  return {{"seq", message.seq},
          {"subject", message.subject},
          {"headers", headers},
          {"payload", message.payload}};
}

// The newest `limit` messages, oldest first.
std::deque<stored_message> newest(broker& nats, std::size_t limit) {
  std::deque<stored_message> kept;
  const auto state = nats.stream(names::dead_letter_stream);
  if (!state.exists || state.messages == 0)
    return kept;
  const auto first = state.last_seq >= limit ? state.last_seq - limit + 1 : 1;
  nats.read(names::dead_letter_stream, "", std::max(first, state.first_seq),
            [&](const stored_message& message) {
              kept.push_back(message);
              if (kept.size() > limit)
                kept.pop_front();
              return true;
            });
  return kept;
}

int run_list(const config& settings, const list_options& options) {
  const auto letters = newest(*connect_broker(settings), options.limit);
  if (options.json) {
    auto items = nlohmann::ordered_json::array();
    for (const auto& message : letters)
      items.push_back(to_json(message));
    print_json({{"items", items}});
    return exit_code::done;
  }
  std::vector<std::vector<std::string>> table{{"seq", "from", "source seq", "reason", "detail"}};
  for (const auto& message : letters)
    table.push_back({std::to_string(message.seq),
                     std::string{header_value(message, "Ledgerd-Subject")},
                     std::string{header_value(message, "Ledgerd-Sequence")},
                     std::string{header_value(message, "Ledgerd-Reason")},
                     std::string{header_value(message, "Ledgerd-Detail")}});
  print_table(table);
  return exit_code::done;
}

// The letter, or nothing after saying that there is none.
std::optional<stored_message> find_letter(broker& nats, std::uint64_t seq) {
  auto message = nats.message(names::dead_letter_stream, seq);
  if (!message)
    complain("there is no dead letter with the sequence number %llu",
             static_cast<unsigned long long>(seq));
  return message;
}

int run_show(const config& settings, const show_options& options) {
  const auto message = find_letter(*connect_broker(settings), options.seq);
  if (!message)
    return exit_code::answer_is_no;
  if (options.json) {
    print_json(to_json(*message));
    return exit_code::done;
  }
  print_line("subject  %s", message->subject.c_str());
  for (const auto& [name, value] : message->headers)
    print_line("%s: %s", name.c_str(), value.c_str());
  print_line("%s", "");
  print_line("%s", message->payload.c_str());
  return exit_code::done;
}

// What a result's message id begins with; a result that names no record has none.
std::string result_id(const stored_message& letter) {
  const auto parsed = nlohmann::json::parse(letter.payload, nullptr, false);
  const auto id = parsed.is_object() ? parsed.find("recordId") : parsed.end();
  if (id == parsed.end() || !id->is_number_integer())
    throw std::runtime_error(
        "field \"recordId\": a result is published under the id of its record, "
        "and this one names none");
  return result_message_id(record_id{id->get<std::int64_t>()}) + ".";
}

// The original message as a new one. Its message id holds the time, or the broker's duplicate
// window would swallow a second try.
outgoing original_of(const stored_message& letter) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  outgoing again;
  again.subject = header_value(letter, "Ledgerd-Subject");
  if (header_value(letter, "Ledgerd-Stream") == names::result_stream)
    again.message_id = result_id(letter);
  again.message_id +=
      "replay-" + std::to_string(letter.seq) + "-"
      + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  again.payload = letter.payload;
  for (const auto& each : letter.headers)
    if (!each.name.starts_with("Ledgerd-") && !each.name.starts_with("Nats-"))
      again.headers.push_back(each);
  return again;
}

void publish_one(broker& nats, const outgoing& message) {
  std::optional<outgoing> next = message;
  nats.publish_all([&] { return std::exchange(next, std::nullopt); }, 1, [](std::uint64_t) {},
                   replay_patience);
}

// The letter stays: it tells what was replayed, and an audit goes on to find the original accounted
// for.
int run_replay(const config& settings, std::uint64_t seq) {
  const auto nats = connect_broker(settings);
  const auto letter = find_letter(*nats, seq);
  if (!letter)
    return exit_code::answer_is_no;
  if (!header_value(*letter, "Ledgerd-Truncated").empty()) {
    complain("the payload of dead letter %llu was cut; its original has the sequence number %s in "
             "stream %s",
             static_cast<unsigned long long>(seq),
             std::string{header_value(*letter, "Ledgerd-Sequence")}.c_str(),
             std::string{header_value(*letter, "Ledgerd-Stream")}.c_str());
    return exit_code::answer_is_no;
  }
  const auto again = original_of(*letter);
  const auto& subject = again.subject;
  if (!subject.starts_with("transaction.") || subject.starts_with(names::dead_letter_prefix))
    throw std::runtime_error(
        "header Ledgerd-Subject: must name the subject of a request or result, not `"
        + shorten(subject, 200) + "`");
  publish_one(*nats, again);
  if (!header_value(*letter, "Ledgerd-Account").empty())
    complain(
        "warning: its record on the account side has ended as FAILED and stays so; the request "
        "is decided all the same (see `ledgerd trace`)");
  print_line("published again to %s; the dead letter stays", subject.c_str());
  return exit_code::done;
}

// What the audit reads instead of the letter: its headers, under an id that is the letter's own
// behind a word. Of two that discard one letter the broker stores one entry.
outgoing discard_entry(const stored_message& letter, const std::string& why) {
  outgoing entry;
  entry.subject = names::discard_subject;
  entry.message_id = "discard-" + std::string{header_value(letter, "Nats-Msg-Id")};
  for (const auto& each : letter.headers)
    if (each.name.starts_with("Ledgerd-"))
      entry.headers.push_back(each);
  entry.headers.push_back({"Ledgerd-Letter", std::to_string(letter.seq)});
  if (!why.empty())
    entry.headers.push_back({"Ledgerd-Why", why});
  return entry;
}

int run_discard(const config& settings, const discard_options& options) {
  if (!options.yes)
    throw usage_error{"discard deletes a dead letter for good: say --yes, or look at it first with "
                      "`ledgerd dead show`"};
  const auto nats = connect_broker(settings);
  const auto letter = find_letter(*nats, options.seq);
  if (!letter)
    return exit_code::answer_is_no;
  if (!nats->stream(names::action_stream).exists)
    throw std::runtime_error("stream " + std::string{names::action_stream}
                             + ": is missing, and a discard without an entry there would look like "
                               "a loss to `ledgerd audit`; a daemon makes it at its start");
  // The entry first: a letter without one is never gone.
  publish_one(*nats, discard_entry(*letter, options.why));
  nats->delete_message(names::dead_letter_stream, options.seq);
  print_line("discarded");
  return exit_code::done;
}

void add_sequence(CLI::App& app, std::uint64_t& seq) {
  add_integer(app, "SEQ", seq, 1, INT64_MAX, "Its sequence number in the stream").required();
}

} // namespace

void add_dead(command_line& line) {
  auto& group = line.add_group("dead", "Look at the dead letters, replay or discard them");
  const auto list = std::make_shared<list_options>();
  auto& list_app = line.add_verb_to(
      group, {"list", "List the newest dead letters", "ledgerd dead list --limit 20"},
      [list](const config& settings) { return run_list(settings, *list); });
  add_integer(list_app, "--limit", list->limit, 1, 100000, "How many");
  list_app.add_flag("--json", list->json, "Print JSON");
  const auto show = std::make_shared<show_options>();
  auto& show_app = line.add_verb_to(
      group, {"show", "Show one dead letter with its headers", "ledgerd dead show 3"},
      [show](const config& settings) { return run_show(settings, *show); });
  add_sequence(show_app, show->seq);
  show_app.add_flag("--json", show->json, "Print JSON");
  const auto replay = std::make_shared<std::uint64_t>();
  auto& replay_app =
      line.add_verb_to(group,
                       {"replay", "Publish the original message again, once its cause is mended",
                        "ledgerd dead replay 3"},
                       [replay](const config& settings) { return run_replay(settings, *replay); });
  add_sequence(replay_app, *replay);
  const auto discard = std::make_shared<discard_options>();
  auto& discard_app = line.add_verb_to(
      group, {"discard", "Delete one dead letter for good", "ledgerd dead discard 3 --yes"},
      [discard](const config& settings) { return run_discard(settings, *discard); });
  add_sequence(discard_app, discard->seq);
  discard_app.add_flag("--yes", discard->yes, "Yes, delete it");
  discard_app.add_option("--why", discard->why, "The reason, kept with the entry for the audit");
}

} // namespace ledgerd
