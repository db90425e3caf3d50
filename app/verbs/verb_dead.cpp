// `dead list`, `show`, `groups`, `actions`: they look and change nothing.
#include <algorithm>
#include <memory>
#include <utility>

#include "app/base/output.hpp"
#include "app/base/stop_signals.hpp"
#include "app/base/text.hpp"
#include "app/repair/repair_json.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/dead_flags.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

struct list_options {
  letter_filter filter;
  std::size_t limit = 50;
  std::uint64_t before = 0;
  bool json = false;
};

struct show_options {
  std::uint64_t seq = 0;
  bool json = false;
};

std::string time_text(std::int64_t ns) {
  return ns == 0 ? "-" : format_time(ns / 1000);
}

std::string or_dash(std::string text) {
  return text.empty() ? "-" : std::move(text);
}

std::string record_text(const std::optional<record_id>& record) {
  return record ? std::to_string(to_int(*record)) : "-";
}

// What has become of a letter: replayed 2 times, last 2026-..., failed again as 17; replay of 3
std::string mark_text(const shelved_letter& shown) {
  std::string result;
  const auto add = [&](const std::string& what) {
    result.append(result.empty() ? "" : ", ").append(what);
  };
  if (shown.replays.times > 0)
    add("replayed " + std::to_string(shown.replays.times)
        + (shown.replays.times == 1 ? " time" : " times") + ", last "
        + time_text(shown.replays.last_ns));
  if (shown.failed_again)
    add("failed again as " + std::to_string(*shown.failed_again));
  if (!shown.marks_complete)
    add("not all newer letters were read");
  if (shown.letter.replay_of)
    add("replay of " + std::to_string(*shown.letter.replay_of));
  if (const auto& before = shown.discarded_before)
    add("its earlier letter " + std::to_string(before->letter) + " was discarded by "
        + (before->who.empty() ? "somebody" : before->who)
        + (before->why.empty() ? "" : " (" + before->why + ")") + " " + time_text(before->at_ns));
  return or_dash(result);
}

// replayed 3, failed again 1
std::string mark_text(const letter_group& group) {
  if (group.replayed == 0)
    return "-";
  return "replayed " + std::to_string(group.replayed)
         + (group.failed_again == 0 ? "" : ", failed again " + std::to_string(group.failed_again));
}

// Pages are the newest first; a table ends with what is newest, where people look.
template <class Item, class Row>
void print_page(std::vector<std::string> heading, const newest_page<Item>& page, Row row) {
  std::vector<std::vector<std::string>> table{std::move(heading)};
  std::for_each(page.items.rbegin(), page.items.rend(),
                [&](const Item& each) { table.push_back(row(each)); });
  print_table(table);
  if (page.next)
    complain("there may be older ones: --before %llu", static_cast<unsigned long long>(*page.next));
}

template <class Item, class Show>
void print_page_json(const newest_page<Item>& page, Show show) {
  auto items = ordered_json::array();
  for (const auto& each : page.items)
    items.push_back(show(each));
  print_json(page_json(std::move(items), page.next));
}

bool interrupted() {
  return stop_signals::seen();
}

int run_list(const config& settings, const list_options& options) {
  const auto nats = connect_broker(settings);
  letter_shelf shelf(*nats);
  const auto page = shelf.page(options.filter, options.limit, options.before, interrupted);
  if (options.json)
    print_page_json(page, whole_letter_json);
  else if (page.items.empty() && !page.next)
    print_line("%s", "no letters");
  else
    print_page({"seq", "at", "from", "source seq", "record", "user", "reason", "detail", "mark"},
               page, [](const shelved_letter& each) -> std::vector<std::string> {
                 const auto& letter = each.letter;
                 return {std::to_string(letter.seq()),
                         time_text(letter.message.stored_at_ns),
                         letter.subject,
                         letter.sequence,
                         record_text(letter.content.record),
                         or_dash(shorten(letter.content.user.value_or(""), 64)),
                         letter.reason,
                         letter.detail,
                         mark_text(each)};
               });
  return exit_code::done;
}

// One line of all the bytes: a text of C would end at the first that is null.
void print_whole(std::string_view text) {
  print_lines(escape_controls(text) + "\n");
}

int run_show(const config& settings, const show_options& options) {
  const auto nats = connect_broker(settings);
  letter_shelf shelf(*nats);
  const auto found = shelf.find(options.seq, interrupted);
  if (!found)
    return say_no(options.json, "NOT_FOUND",
                  "there is no dead letter with the sequence number "
                      + std::to_string(options.seq));
  if (options.json) {
    print_json(whole_letter_json(*found));
    return exit_code::done;
  }
  const auto& message = found->letter.message;
  print_line("subject  %s", message.subject.c_str());
  print_line("at       %s", time_text(message.stored_at_ns).c_str());
  print_line("cause    %s", found->letter.cause.c_str());
  print_line("mark     %s", mark_text(*found).c_str());
  for (const auto& [name, value] : message.headers)
    print_whole(name + ": " + value);
  print_line("%s", "");
  print_whole(message.payload);
  return exit_code::done;
}

int run_groups(const config& settings, const list_options& options) {
  const auto nats = connect_broker(settings);
  letter_shelf shelf(*nats);
  const auto found = shelf.groups(options.filter, interrupted);
  if (options.json) {
    print_json(groups_json(found));
    return exit_code::done;
  }
  if (found.groups.empty() && found.complete) {
    print_line("%s", "no letters");
    return exit_code::done;
  }
  std::vector<std::vector<std::string>> table{
      {"cause", "count", "oldest", "newest", "example", "reason", "detail", "mark"}};
  for (const auto& each : found.groups)
    table.push_back({each.cause, std::to_string(each.count), time_text(each.oldest_ns),
                     time_text(each.newest_ns), std::to_string(each.example), each.reason,
                     each.detail, mark_text(each)});
  print_table(table);
  if (found.others > 0)
    print_line("and %llu letters of further causes", static_cast<unsigned long long>(found.others));
  return exit_code::done;
}

// 4711 bob psql
std::string session_text(const ordered_json& session) {
  const auto pid = session.is_object() ? session.find("pid") : session.end();
  if (!session.is_object() || pid == session.end())
    return "-";
  auto text = pid->dump();
  for (const auto* name : {"user", "application"})
    if (const auto part = session.find(name); part != session.end() && part->is_string())
      text += " " + part->get<std::string>();
  return text;
}

int run_actions(const config& settings, const list_options& options) {
  const auto nats = connect_broker(settings);
  letter_shelf shelf(*nats);
  const auto page = shelf.actions(options.limit, options.before, interrupted);
  if (options.json) {
    print_page_json(page, action_json);
    return exit_code::done;
  }
  if (page.items.empty() && !page.next) {
    print_line("%s", "no actions");
    return exit_code::done;
  }
  print_page({"seq", "at", "action", "letter", "record", "expected", "session", "who", "why"}, page,
             [](const action& each) -> std::vector<std::string> {
               const auto shown = action_json(each);
               const auto& expected = shown.at("expected");
               const auto& record = shown.at("recordId");
               return {std::to_string(each.seq),
                       time_text(each.at_ns),
                       each.what,
                       each.letter == 0 ? "-" : std::to_string(each.letter),
                       record.is_null() ? "-" : record.dump(),
                       expected.is_object() ? expected.value("verdict", "-") : "-",
                       session_text(shown.at("session")),
                       or_dash(each.who),
                       or_dash(each.why)};
             });
  return exit_code::done;
}

// What `dead --help` says of the flags that most of its verbs share.
std::string conditions_text() {
  std::string result =
      "Which letters `list`, `groups`, `replay` and `discard` mean; all that are given "
      "must hold:\n";
  for (const auto& each : filter_names())
    result.append("  --")
        .append(each.name)
        .append(std::string(12 - each.name.size(), ' '))
        .append(each.help)
        .append("\n");
  return result;
}

void add_page_flags(CLI::App& app, list_options& options) {
  add_integer(app, "--limit", options.limit, 1, 10000, "How many");
  add_integer(app, "--before", options.before, 1, INT64_MAX,
              "Only those below this sequence number");
}

} // namespace

void add_filter_flags(CLI::App& app, letter_filter& filter) {
  for (const auto& each : filter_names()) {
    const auto name = std::string(each.name);
    app.add_option_function<std::string>(
           "--" + name,
           [&filter, name](const std::string& value) {
             if (const auto fault = filter.set(name, value, wall_clock_ns()))
               throw CLI::ValidationError{"--" + name, *fault};
           },
           std::string(each.help))
        ->type_name(std::string(each.unit))
        ->group("Which letters");
  }
}

void add_dead(command_line& line) {
  auto& group = line.add_group("dead", "Look at the dead letters, replay or discard them");
  group.footer("Example: ledgerd dead groups\n\n" + conditions_text());
  const auto list = std::make_shared<list_options>();
  auto& list_app =
      line.add_verb_to(group,
                       {"list", "List the newest dead letters",
                        "ledgerd dead list --reason INVALID_FIELD --since 1h"},
                       [list](const config& settings) { return run_list(settings, *list); });
  add_filter_flags(list_app, list->filter);
  add_page_flags(list_app, *list);
  list_app.add_flag("--json", list->json, "Print JSON");
  const auto groups = std::make_shared<list_options>();
  auto& groups_app = line.add_verb_to(
      group, {"groups", "Count the dead letters by cause", "ledgerd dead groups --since 1h"},
      [groups](const config& settings) { return run_groups(settings, *groups); });
  add_filter_flags(groups_app, groups->filter);
  groups_app.add_flag("--json", groups->json, "Print JSON");
  const auto show = std::make_shared<show_options>();
  auto& show_app = line.add_verb_to(
      group, {"show", "Show one dead letter with its headers", "ledgerd dead show 3"},
      [show](const config& settings) { return run_show(settings, *show); });
  add_integer(show_app, "SEQ", show->seq, 1, INT64_MAX, "Its sequence number in the stream")
      .required();
  show_app.add_flag("--json", show->json, "Print JSON");
  add_dead_repairs(line, group);
  const auto actions = std::make_shared<list_options>();
  auto& actions_app = line.add_verb_to(
      group,
      {"actions", "List who replayed or discarded what, and who ended sessions that blocked",
       "ledgerd dead actions --limit 20"},
      [actions](const config& settings) { return run_actions(settings, *actions); });
  add_page_flags(actions_app, *actions);
  actions_app.add_flag("--json", actions->json, "Print JSON");
}

} // namespace ledgerd
