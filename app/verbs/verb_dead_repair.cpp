// `dead replay` and `dead discard`.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>

#include "app/base/output.hpp"
#include "app/base/stop_signals.hpp"
#include "app/base/text.hpp"
#include "app/repair/count_letters.hpp"
#include "app/repair/repair_json.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/dead_flags.hpp"
#include "app/verbs/problem.hpp"
#include "app/verbs/progress.hpp"
#include "app/verbs/verb_support.hpp"
#include "messaging/codec.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

struct repair_options {
  repair_order order;
  std::uint64_t seq = 0; // 0: not given
  std::string payload_file;
  bool all = false;
  bool yes = false;
  bool json = false;
};

// To its end, unless that does not come.
std::string read_bounded(std::istream& from, const std::string& name) {
  constexpr std::size_t bytes_max = std::size_t{64} << 20; // what NATS may be told to take
  std::string content;
  char part[std::size_t{64} << 10];
  while (from.read(part, sizeof part), from.gcount() > 0) {
    content.append(part, static_cast<std::size_t>(from.gcount()));
    if (content.size() > bytes_max)
      throw usage_error{"--payload: " + name + " is longer than 64 MiB"};
  }
  if (from.bad())
    throw usage_error{"--payload: cannot read " + name};
  return content;
}

std::string read_payload(const std::string& path) {
  std::string content;
  if (path == "-") {
    content = read_bounded(std::cin, "standard input");
  } else {
    const auto name = "`" + shorten(path, 200) + "`";
    std::ifstream file{path, std::ios::binary};
    if (!file || std::filesystem::is_directory(path))
      throw usage_error{"--payload: cannot read " + name};
    content = read_bounded(file, name);
  }
  // An editor's line end is no part of the message.
  if (content.ends_with('\n'))
    content.pop_back();
  return content;
}

// FIELD=VALUE
void add_change(field_changes& changes, const std::string& text) {
  const auto sign = text.find('=');
  if (sign == std::string::npos || sign == 0)
    throw CLI::ValidationError{"--set", "must be FIELD=VALUE, not `" + shorten(text) + "`"};
  const auto field = text.substr(0, sign);
  if (std::any_of(changes.begin(), changes.end(),
                  [&](const auto& each) { return each.first == field; }))
    throw CLI::ValidationError{"--set", "names `" + shorten(field) + "` twice"};
  if (const auto fault = change_fault(field))
    throw CLI::ValidationError{"--set", "`" + shorten(field) + "` " + *fault};
  changes.emplace_back(field, text.substr(sign + 1));
}

void refuse_contradictions(const repair_options& options) {
  const auto& order = options.order;
  const auto ways = int{options.seq != 0} + int{!order.filter.empty()} + int{options.all};
  if (ways == 0)
    throw usage_error{"say which letters: the sequence number of one, conditions such as --reason "
                      "or --cause, or --all"};
  if (ways > 1)
    throw usage_error{"say either one sequence number, or conditions, or --all"};
  const bool edits = !order.set.empty() || !options.payload_file.empty();
  if (edits && options.all)
    throw usage_error{"--set and --payload mend letters that are named: by a sequence number or by "
                      "conditions such as --record or --cause"};
  const bool discard = order.what == action_kind::discard;
  if (!order.dry_run && !options.yes && (discard || (options.seq == 0 && !edits)))
    throw usage_error{discard ? "discard deletes dead letters for good: say --yes, or look at them "
                                "first with --dry-run or `ledgerd dead show`"
                              : "this replays all that match: look at the verdicts that they would "
                                "get with --dry-run, then say --yes"};
}

// One letter as a line, aligned without knowing the others.
void print_step(const repair_order& order, const repair_step& step) {
  const auto seq = static_cast<unsigned long long>(step.seq);
  if (!step.found)
    return print_line("%8llu  there is no such letter", seq);
  auto record = step.record ? std::to_string(to_int(*step.record)) : std::string{"-"};
  if (step.replay_of)
    record += " (replay of letter " + std::to_string(*step.replay_of) + ")";
  if (order.what == action_kind::discard)
    return print_line("%8llu  record %s  %s", seq, record.c_str(),
                      order.dry_run ? "would be discarded" : "discarded");
  const auto& expected = step.expected;
  std::string more = expected.reason;
  if (!expected.balance_after.empty())
    more.append(more.empty() ? "" : ", ").append("balance after ").append(expected.balance_after);
  if (!expected.detail.empty())
    more.append(more.empty() ? "" : ": ").append(expected.detail);
  const auto terms = to_text(step.terms);
  print_line("%8llu  record %s  %s%s%s%s%s%s", seq, record.c_str(), terms.c_str(),
             terms.empty() ? "" : "  ", std::string{to_text(expected.what)}.c_str(),
             more.empty() ? "" : "  ", more.c_str(), step.done ? "" : "  (stays where it is)");
}

void print_sum(const repair_order& order, const repair_outcome& outcome) {
  std::string verdicts;
  for (const auto& [word, count] : outcome.verdicts)
    verdicts.append(verdicts.empty() ? ": " : ", ").append(std::to_string(count) + " " + word);
  const bool discard = order.what == action_kind::discard;
  const char* done = order.dry_run ? (discard ? "would be discarded" : "would be replayed")
                                   : (discard ? "discarded" : "replayed");
  print_line("%llu of %llu letters %s%s", static_cast<unsigned long long>(outcome.done),
             static_cast<unsigned long long>(outcome.count), done, verdicts.c_str());
  if (order.dry_run && order.after > 0 && !discard)
    complain("these verdicts do not reckon with what stands before them, up to letter %llu",
             static_cast<unsigned long long>(order.after));
  if (!outcome.failure.empty())
    complain("%s", outcome.failure.c_str());
  const auto up_to = static_cast<unsigned long long>(outcome.up_to);
  if (outcome.next)
    complain("there may be more letters: go on with --after %llu --up-to %llu",
             static_cast<unsigned long long>(*outcome.next), up_to);
  else if (order.dry_run && order.seqs.empty() && outcome.count > 0)
    complain("with --up-to %llu letters that come after this look are left alone", up_to);
}

bool is_result(const repair_step& step) {
  return std::any_of(movement_routes.begin(), movement_routes.end(),
                     [&](const auto& route) { return route.result == step.subject; });
}

// A single letter that was replayed, or was not.
int tell_one(const repair_order& order, const repair_step& step) {
  const auto& expected = step.expected;
  if (!step.found) {
    complain("there is no dead letter with the sequence number %llu",
             static_cast<unsigned long long>(step.seq));
    return exit_code::answer_is_no;
  }
  if (order.what == action_kind::discard) {
    print_line("%s", "discarded");
    return exit_code::done;
  }
  if (!step.done) {
    if (expected.what == expectation::ended)
      complain("%s, and the caller was told so: discard the letter and submit anew, or say --force",
               expected.detail.c_str());
    else if (expected.what == expectation::parked)
      complain("it would be parked again, %s: %s; %s say --force", expected.reason.c_str(),
               expected.detail.c_str(),
               is_result(step) ? "discard it, or" : "mend it with --set or --payload, or");
    else
      complain("it cannot be replayed: %s", expected.detail.c_str());
    return exit_code::answer_is_no;
  }
  if (!expected.detail.empty())
    complain("warning: %s (see `ledgerd trace`)", expected.detail.c_str());
  std::string verdict(to_text(expected.what));
  if (!expected.reason.empty())
    verdict += " " + expected.reason;
  const auto terms = to_text(step.terms);
  print_line("published again to %s%s%s; the dead letter stays; expected: %s", step.subject.c_str(),
             terms.empty() ? "" : ": ", terms.c_str(), verdict.c_str());
  return exit_code::done;
}

// The ledger that the verdicts come from; null, after saying so, when it cannot be asked and need
// not be.
std::unique_ptr<ledger_reader> reach_ledger(const config& settings, const repair_order& order,
                                            std::optional<currency_table>& currencies) {
  if (order.what == action_kind::discard)
    return nullptr;
  const bool needed = order.dry_run || order.edits();
  if (settings.database_url.empty() && !needed)
    return nullptr;
  try {
    auto ledger = open_ledger(settings);
    currencies.emplace(ledger->currencies());
    return ledger;
  } catch (const usage_error&) {
    throw;
  } catch (const std::runtime_error& e) {
    if (needed)
      throw;
    complain("warning: the database does not answer, so no verdict is foretold: %s", e.what());
    return nullptr;
  }
}

// The account side's records, of which only letters of results are judged; null: there are none.
std::unique_ptr<record_reader> reach_records(const config& settings, const repair_order& order) {
  if (order.what == action_kind::discard || settings.records_url().empty())
    return nullptr;
  return make_postgres_record_reader(reading_connection(settings.records_url()));
}

// The sequence numbers of those that are mended, two at most.
std::vector<std::uint64_t> first_matches(letter_shelf& shelf, const repair_options& options) {
  const auto page = shelf.page(options.order.filter, 2, 0, [] { return stop_signals::seen(); });
  if (page.items.size() > 1 && !options.payload_file.empty())
    throw usage_error{"--payload mends one letter, and more than one matches: say its sequence "
                      "number, the first column of `ledgerd dead list`"};
  if (page.items.size() > 1 && !options.order.dry_run && !options.yes)
    throw usage_error{"more than one matches: look at the verdicts that they would get with "
                      "--dry-run, then say --yes"};
  std::vector<std::uint64_t> result;
  for (const auto& each : page.items)
    result.push_back(each.letter.seq());
  return result;
}

class repair_run {
public:
  repair_run(const config& settings, const repair_options& options)
      : settings_(settings), options_(options), order_(options.order), seq_(options.seq) {
    if (!options.payload_file.empty())
      order_.payload = read_payload(options.payload_file);
    order_.origin.who = user_at_host();
    order_.origin.stamp = wall_clock_ns() / 1'000'000;
  }

  int run() {
    const auto nats = connect_broker(settings_);
    letter_shelf shelf(*nats);
    if (seq_ == 0 && order_.edits()) {
      const auto found = first_matches(shelf, options_);
      if (found.empty())
        return say_no(options_.json, "NOT_FOUND", "no dead letter matches");
      if (found.size() == 1) {
        seq_ = found.front();
        order_.filter = {};
      }
    }
    if (seq_ != 0)
      order_.seqs = {seq_};
    std::optional<currency_table> currencies;
    const auto ledger = reach_ledger(settings_, order_, currencies);
    const auto records = reach_records(settings_, order_);
    const stop_signals signals;
    const repair_tools tools{.nats = *nats,
                             .shelf = shelf,
                             .ledger = ledger.get(),
                             .records = records.get(),
                             .currencies = currencies ? &*currencies : nullptr,
                             .rules = settings_.rules};
    const auto total = count_meant(tools, order_, [] { return stop_signals::seen(); });
    bar_ = progress{order_.dry_run ? "looked at" : "done", total.value_or(0)};
    const auto outcome = repair(
        tools, order_, [this](const repair_step& step) { tell(step); },
        [] { return stop_signals::seen(); });
    bar_.finish(done_);
    const auto code = conclude(outcome);
    if (stop_signals::seen())
      signals.end_as_asked();
    return code;
  }

private:
  bool one() const { return seq_ != 0 && !order_.dry_run; }

  void tell(const repair_step& step) {
    bar_.update(++done_);
    if (options_.json)
      items_.push_back(step_json(order_, step));
    else if (one())
      last_ = step;
    else if (order_.dry_run || !step.done || order_.edits()) // what was mended is shown as it went
      print_step(order_, step);
  }

  int conclude(const repair_outcome& outcome) {
    if (order_.what == action_kind::discard && !order_.dry_run && outcome.done > 0
        && order_.origin.why.empty())
      complain("warning: no reason is kept; with --why TEXT `ledgerd dead actions` and `ledgerd "
               "trace` show one");
    if (options_.json)
      print_json(outcome_json(order_, outcome, std::move(items_)));
    else if (one())
      return last_ ? tell_one(order_, *last_) : exit_code::answer_is_no;
    else
      print_sum(order_, outcome);
    const bool all = outcome.done + outcome.copies == outcome.count && outcome.missing == 0
                     && outcome.failure.empty();
    return all ? exit_code::done : exit_code::answer_is_no;
  }

  const config& settings_;
  const repair_options& options_;
  repair_order order_;
  std::uint64_t seq_; // of the one letter; 0: those that match
  nlohmann::ordered_json items_ = nlohmann::ordered_json::array();
  std::optional<repair_step> last_;
  std::uint64_t done_ = 0;
  progress bar_{"done", 0};
};

int run_repair(const config& settings, const repair_options& options) {
  refuse_contradictions(options);
  try {
    return repair_run{settings, options}.run();
  } catch (const edit_refused& why) {
    const std::string reason{to_text(why.reason())};
    return say_no(options.json, reason,
                  "it would be parked again, " + reason + ": " + why.what()
                      + "; nothing was published");
  }
}

void add_repair_flags(CLI::App& app, repair_options& options) {
  add_integer(app, "SEQ", options.seq, 1, INT64_MAX, "One letter, by its sequence number");
  add_filter_flags(app, options.order.filter);
  app.add_flag("--all", options.all, "All letters")->group("Which letters");
  add_integer(app, "--after", options.order.after, 0, INT64_MAX,
              "Only letters above this sequence number")
      .group("Which letters");
  add_number(
      app, "--up-to",
      [&options](std::int64_t seq) { options.order.up_to = static_cast<std::uint64_t>(seq); }, 0,
      INT64_MAX, "Only letters up to this sequence number, as a dry run says it")
      .group("Which letters");
  add_integer(app, "--limit", options.order.limit, 1,
              static_cast<std::int64_t>(repair_order::limit_max), "At most so many letters")
      .group("Which letters");
  app.add_flag("--dry-run", options.order.dry_run, "Only say what would happen to each");
  app.add_flag("--yes", options.yes, "Yes, do it");
  app.add_option("--why", options.order.origin.why, "The reason, kept with the entries of it");
  app.add_flag("--json", options.json, "Print JSON");
}

} // namespace

int say_no(bool json, std::string_view code, const std::string& detail) {
  if (json)
    print_problem(code, detail);
  complain("%s", detail.c_str());
  return exit_code::answer_is_no;
}

std::int64_t wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void add_dead_repairs(command_line& line, CLI::App& group) {
  const auto replay = std::make_shared<repair_options>();
  replay->order.what = action_kind::replay;
  auto& replay_app =
      line.add_verb_to(group,
                       {"replay", "Publish original messages again, as they were or mended",
                        "ledgerd dead replay --cause 1f3a90c2 --dry-run"},
                       [replay](const config& settings) { return run_repair(settings, *replay); });
  add_repair_flags(replay_app, *replay);
  replay_app.add_flag("--force", replay->order.force,
                      "Also what would be parked again, and what has ended its record");
  replay_app
      .add_option_function<std::vector<std::string>>(
          "--set",
          [replay](const std::vector<std::string>& all) {
            for (const auto& each : all)
              add_change(replay->order.set, each);
          },
          "Replay with this field changed; may be repeated")
      ->type_name("FIELD=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  replay_app
      .add_option("--payload", replay->payload_file,
                  "Replay one letter with the payload of this file; `-`: standard input")
      ->type_name("PATH");
  const auto discard = std::make_shared<repair_options>();
  discard->order.what = action_kind::discard;
  auto& discard_app = line.add_verb_to(
      group, {"discard", "Delete dead letters for good", "ledgerd dead discard 3 --yes --why seen"},
      [discard](const config& settings) { return run_repair(settings, *discard); });
  add_repair_flags(discard_app, *discard);
}

} // namespace ledgerd
