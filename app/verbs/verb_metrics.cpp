#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/operations/ask_numbers.hpp"
#include "app/operations/cluster_question.hpp"
#include "app/operations/cluster_report.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/histogram_view.hpp"
#include "app/verbs/http_client.hpp"
#include "app/verbs/metrics_table.hpp"
#include "app/verbs/problem.hpp"
#include "app/verbs/screen.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;
using clock = std::chrono::steady_clock;

struct metrics_options {
  bool json = false;
  bool local = false;
  bool all = false;
  std::string node;
  const CLI::Option* watch = nullptr; // given: again and again
  std::string interval;               // a duration; empty: the usual one
};

// What was shown of a node before, for rates.
struct earlier_look {
  ordered_json document;
  clock::time_point at;
};

// Asks the daemon that listens as the configuration says, without NATS.
std::vector<node_numbers> ask_over_http(const config& settings) {
  if (!settings.http_listen)
    throw usage_error{"http-listen is off, so there is no daemon to ask"};
  const auto answer = http_get(settings, "/v1/actors");
  auto document = ordered_json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !is_numbers(document))
    throw std::runtime_error{"the daemon answered with status " + std::to_string(answer.status)};
  node_numbers one{.name = document.value("node", ""),
                   .boot = document.value("boot", ""),
                   .version = document.value("version", ""),
                   .silent = false,
                   .document = {}};
  one.document = std::move(document);
  return {std::move(one)};
}

std::vector<node_numbers> ask_over_nats(broker& nats, const std::string& node) {
  auto known = view_of(cluster_question{nats.make_ask_line()}.ask());
  if (!node.empty())
    std::erase_if(known, [&](const node_view& each) { return each.word.name != node; });
  auto numbers = ask_numbers(nats.make_ask_line(), known, node);
  for (auto& each : numbers)
    if (each.document && !is_numbers(*each.document))
      each.document.reset();
  return numbers;
}

void print_titled(const table_rows& rows) {
  if (rows.size() < 2)
    return;
  print_table(rows);
  print_line("%s", "");
}

// What the means and percentiles are of.
std::string since_text(const earlier_numbers& before) {
  return before.document == nullptr
             ? "since its start"
             : "of the last " + short_time(std::llround(before.seconds * 1e6));
}

std::string title_of(const node_numbers& node, const earlier_numbers& before) {
  const auto title = "node " + (node.name.empty() ? std::string{"-"} : node.name) + " (" + node.boot
                     + ", " + node.version + "): ";
  if (!node.document)
    return title + "no answer"
           + (node.silent ? ", and it has been silent for the others, too" : "");
  const auto& document = *node.document;
  const auto uptime = document.value("uptimeMs", std::int64_t{0});
  return title + "up " + rough_time(static_cast<std::uint64_t>(std::max<std::int64_t>(0, uptime)))
         + ", times and sizes " + since_text(before)
         + (document.value("shortened", false) ? ", shortened: its answer was too large" : "")
         + (document.at("actors").empty() ? ", no actor answers" : "");
}

void print_node(const node_numbers& node, const earlier_numbers& before, bool all) {
  print_line("%s", title_of(node, before).c_str());
  print_line("%s", "");
  if (!node.document)
    return;
  const auto& document = *node.document;
  print_titled(actor_table(document, before));
  print_titled(stage_table(document, before));
  print_titled(batch_table(document, before));
  const auto counts = counts_table(document, before, all);
  print_titled(counts.rows);
  if (counts.left_out > 0) {
    print_line("%zu more numbers are 0: --all shows them", counts.left_out);
    print_line("%s", "");
  }
  print_titled(hot_table(document));
  print_titled(waiting_table(document));
}

// What is not known to be at rest comes first. How many rows had no room.
std::size_t print_fitted(const node_numbers& node, const earlier_numbers& before, bool all,
                         const screen_size& room) {
  print_line("%s", shorten(title_of(node, before), room.columns - 3).c_str());
  print_line("%s", "");
  if (!node.document)
    return 0;
  const auto& document = *node.document;
  const auto fitted = fit_tables({{waiting_table(document)},
                                  {actor_table(document, before, actor_order::hottest_first),
                                   {"messages", "wait p50", "work p50"}},
                                  {stage_table(document, before)},
                                  {counts_table(document, before, all).rows},
                                  {batch_table(document, before)},
                                  {hot_table(document)}},
                                 {room.rows - 2, room.columns});
  for (const auto& each : fitted.tables)
    print_titled(each);
  return fitted.hidden;
}

ordered_json all_json(const std::vector<node_numbers>& nodes) {
  auto items = ordered_json::array();
  for (const auto& each : nodes) {
    ordered_json item{{"node", each.name},
                      {"boot", each.boot},
                      {"version", each.version},
                      {"answered", each.document.has_value()}};
    if (each.document)
      item.update(*each.document);
    items.push_back(std::move(item));
  }
  return {{"nodes", std::move(items)}};
}

// What it takes to look again and again.
class metrics_look {
public:
  metrics_look(const config& settings, const metrics_options& options)
      : settings_(settings), options_(options) {}

  enum class place : std::uint8_t { once, line, screen };

  // One look, shown. The exit code.
  int show(place where) {
    const auto nodes = ask();
    if (where == place::screen)
      std::fputs("\x1b[H\x1b[2J", stdout);
    if (options_.json)
      where == place::line ? print_json_line(all_json(nodes)) : print_json(all_json(nodes));
    else if (const auto size = where == place::screen ? screen_of(STDOUT_FILENO) : std::nullopt)
      print_screen(nodes, *size);
    else
      for (const auto& each : nodes)
        print_node(each, before(each), options_.all);
    for (const auto& each : nodes)
      if (each.document)
        earlier_[each.boot] = {*each.document, clock::now()};
    return judge(nodes);
  }

private:
  std::vector<node_numbers> ask() {
    if (options_.local)
      return ask_over_http(settings_);
    try {
      if (!nats_)
        nats_ = connect_broker(settings_);
      return ask_over_nats(*nats_, options_.node);
    } catch (const std::runtime_error& e) {
      throw std::runtime_error{std::string{e.what()}
                               + "; without NATS only one node can be asked, over HTTP: --local"};
    }
  }

  // The last line says what is missing; beneath it stands the cursor.
  void print_screen(const std::vector<node_numbers>& nodes, const screen_size& size) const {
    constexpr std::size_t lines_least = 10; // of a node
    constexpr std::size_t columns_least = 40;
    const auto lines = std::max(size.rows, lines_least + 2) - 2;
    const auto shown = std::min(nodes.size(), std::max<std::size_t>(1, lines / lines_least));
    std::size_t hidden = 0;
    for (std::size_t i = 0; i < shown; ++i)
      hidden += print_fitted(nodes[i], before(nodes[i]), options_.all,
                             {lines / shown, std::max(size.columns, columns_least)});
    const auto others = nodes.size() - shown;
    if (others > 0)
      print_line("hidden for want of room: %zu rows and %zu nodes (--node NAME)", hidden, others);
    else if (hidden > 0)
      print_line("hidden for want of room: %zu rows", hidden);
  }

  earlier_numbers before(const node_numbers& node) const {
    const auto found = earlier_.find(node.boot);
    if (found == earlier_.end())
      return {};
    return {&found->second.document,
            std::chrono::duration<double>(clock::now() - found->second.at).count()};
  }

  int judge(const std::vector<node_numbers>& nodes) const {
    if (nodes.empty())
      complain("%s", options_.node.empty() ? "no node answers"
                                           : ("no node " + options_.node + " answers").c_str());
    const bool complete =
        !nodes.empty() && std::all_of(nodes.begin(), nodes.end(), [](const auto& each) {
          return each.document && !each.document->at("actors").empty();
        });
    return complete ? exit_code::done : exit_code::answer_is_no;
  }

  const config& settings_;
  const metrics_options& options_;
  std::unique_ptr<broker> nats_;
  std::map<std::string, earlier_look> earlier_; // by boot id
};

std::chrono::milliseconds watch_pause(const std::string& interval) {
  constexpr std::chrono::milliseconds usual{2000};
  constexpr std::chrono::milliseconds least{100};
  if (interval.empty())
    return usual;
  const auto pause = parse_duration(interval);
  if (!pause || *pause < least)
    throw usage_error{"--watch: " + shorten(interval) + " is no duration of 100ms or more"};
  return *pause;
}

int run_metrics(const config& settings, const metrics_options& options) {
  if (options.local && !options.node.empty())
    throw usage_error{"--local asks one daemon and --node the one of a name: give one of them"};
  const bool watches = options.watch->count() > 0;
  const auto pause = watches ? watch_pause(options.interval) : std::chrono::milliseconds{0};
  metrics_look look{settings, options};
  using place = metrics_look::place;
  if (!watches)
    return look.show(place::once);
  const auto where = options.json                 ? place::line
                     : isatty(STDOUT_FILENO) == 1 ? place::screen
                                                  : place::once;
  for (;;) {
    try {
      look.show(where);
    } catch (const usage_error&) {
      throw;
    } catch (const std::runtime_error& e) {
      complain("%s", e.what()); // it may come back
      if (options.json)
        print_problem(problem_code(exit_code::cannot_start), e.what());
    }
    if (output_gone())
      return exit_code::done;
    std::this_thread::sleep_for(pause);
  }
}

} // namespace

void add_metrics(command_line& line) {
  const auto options = std::make_shared<metrics_options>();
  auto& app = line.add_verb(
      {"metrics",
       "Show what the actors of all nodes count and how long they take; exit code 1 when a node "
       "does not answer",
       "ledgerd metrics --watch 2s"},
      [options](const config& settings) { return run_metrics(settings, *options); });
  app.add_flag("--json", options->json, "Print JSON; with --watch a document a line");
  app.add_flag("--all", options->all, "Show numbers that are 0, too");
  app.add_option("--node", options->node, "Only the node of this name")
      ->type_name("NAME")
      ->check(not_empty);
  app.add_flag("--local", options->local,
               "Ask the daemon at --http-listen over HTTP, without NATS");
  options->watch =
      app.add_option("--watch", options->interval,
                     "Look again and again, and show rates and the times of each interval [2s]")
          ->type_name("INTERVAL")
          ->expected(0, 1);
}

} // namespace ledgerd
