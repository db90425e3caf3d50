#include <cstdio>
#include <deque>
#include <memory>

#include "app/command_line.hpp"
#include "app/connections.hpp"
#include "app/text.hpp"
#include "app/verbs.hpp"
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
                     escape_controls(header_value(message, "Ledgerd-Subject")),
                     escape_controls(header_value(message, "Ledgerd-Sequence")),
                     escape_controls(header_value(message, "Ledgerd-Reason")),
                     escape_controls(header_value(message, "Ledgerd-Detail"))});
  std::fputs(format_table(table).c_str(), stdout);
  return exit_code::done;
}

int run_show(const config& settings, const show_options& options) {
  const auto message = connect_broker(settings)->message(names::dead_letter_stream, options.seq);
  if (!message) {
    std::fprintf(stderr, "ledgerd: there is no dead letter with the sequence number %llu\n",
                 static_cast<unsigned long long>(options.seq));
    return exit_code::answer_is_no;
  }
  if (options.json) {
    print_json(to_json(*message));
    return exit_code::done;
  }
  std::printf("subject  %s\n", escape_controls(message->subject).c_str());
  for (const auto& [name, value] : message->headers)
    std::printf("%s: %s\n", escape_controls(name).c_str(), escape_controls(value).c_str());
  std::printf("\n%s\n", escape_controls(message->payload).c_str());
  return exit_code::done;
}

} // namespace

void add_dead(command_line& line) {
  auto& group = line.add_group("dead", "Look at the dead letters");
  const auto list = std::make_shared<list_options>();
  auto& list_app = line.add_verb_to(
      group, {"list", "List the newest dead letters", "ledgerd dead list --limit 20"},
      [list](const config& settings) { return run_list(settings, *list); });
  list_app.add_option("--limit", list->limit, "How many")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  list_app.add_flag("--json", list->json, "Print JSON");
  const auto show = std::make_shared<show_options>();
  auto& show_app = line.add_verb_to(
      group, {"show", "Show one dead letter with its headers", "ledgerd dead show 3"},
      [show](const config& settings) { return run_show(settings, *show); });
  show_app.add_option("SEQ", show->seq, "Its sequence number in the stream")
      ->required()
      ->check(CLI::PositiveNumber);
  show_app.add_flag("--json", show->json, "Print JSON");
}

} // namespace ledgerd
