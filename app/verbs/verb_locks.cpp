// `locks list` and `locks end`: who blocks the sessions of ledgerd in PostgreSQL, and the end of
// it.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/repair/action.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/dead_flags.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "messaging/names.hpp"
#include "persistence/locks.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

// An account in trouble is tried every three seconds at the latest.
constexpr auto look_patience = std::chrono::seconds(8);
constexpr auto end_patience = std::chrono::seconds(3);
constexpr auto publish_patience = std::chrono::seconds(5);

struct end_options {
  std::string whom; // the number of a session, or the name of a prepared transaction
  std::string why;
  bool dry_run = false;
  bool json = false;
};

// The database of one of the schemas, or of both.
struct watched_database {
  const char* name;
  std::unique_ptr<lock_watch> watch;
};

struct watched_databases {
  std::vector<watched_database> all;
  std::vector<std::string> problems; // of those that could not be asked
};

// Each once. Throws when none can be asked.
watched_databases open_databases(const config& settings) {
  if (settings.records_url().empty())
    require_ledger_database(settings);
  watched_databases result;
  std::exception_ptr last;
  std::vector<std::string> seen;
  for (const auto& [name, url] : {std::pair{"ledger", &settings.database_url},
                                  std::pair{"account", &settings.account_database_url}}) {
    if (url->empty())
      continue;
    try {
      auto watch = make_postgres_lock_watch(*url);
      if (auto which = watch->database();
          std::find(seen.begin(), seen.end(), which) == seen.end()) {
        seen.push_back(std::move(which));
        result.all.push_back({name, std::move(watch)});
      }
    } catch (const std::runtime_error& why) {
      last = std::current_exception();
      result.problems.push_back(std::string{"the database of "} + name
                                + " cannot be asked: " + why.what());
    }
  }
  if (result.all.empty())
    std::rethrow_exception(last);
  return result;
}

std::string or_unknown(const std::optional<std::string>& text) {
  return text.value_or("unknown");
}

std::string user_text(const lock_holder& one) {
  return one.session.user.empty() ? "a process of the server" : one.session.user;
}

std::string blocks_text(const lock_holder& one) {
  std::string pids;
  for (const auto& each : one.blocked)
    pids += (pids.empty() ? "" : ", ") + std::to_string(each.pid);
  return pids.empty() ? "nobody seen" : pids;
}

std::chrono::milliseconds longest_wait(const lock_holder& one) {
  std::chrono::milliseconds longest{0};
  for (const auto& each : one.blocked)
    longest = std::max(longest, each.waits);
  return longest;
}

std::string rows_text(const lock_holder& one) {
  std::string all;
  for (const auto& each : one.rows)
    all += (all.empty() ? "" : ", ") + each;
  return all.empty() ? "unknown" : all;
}

// Why the session cannot be ended by this process; empty: it can.
std::string obstacle(const lock_holder& one) {
  if (one.session.pid == 0)
    return "it is a prepared transaction: its owner or a superuser ends it with ROLLBACK PREPARED '"
           + one.prepared + "'";
  switch (one.right) {
  case end_right::needs_superuser:
    return "it is a superuser's session or a process of the server itself, which only a superuser "
           "may end";
  case end_right::needs_membership:
    return "the role of this login may not end sessions of the role " + user_text(one)
           + ": GRANT pg_signal_backend, or membership in that role, to it (docs/security.md)";
  case end_right::yes:
    break;
  }
  return {};
}

std::string end_text(const lock_holder& one) {
  return obstacle(one).empty()                     ? "yes"
         : one.session.pid == 0                    ? "no: prepared transaction"
         : one.right == end_right::needs_superuser ? "no: only by a superuser"
                                                   : "no: needs pg_signal_backend";
}

ordered_json to_json(const char* database, const lock_holder& one) {
  auto blocks = ordered_json::array();
  for (const auto& each : one.blocked)
    blocks.push_back({{"pid", each.pid}, {"waitedMs", each.waits.count()}});
  const auto why_not = obstacle(one);
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? ordered_json{} : ordered_json(text);
  };
  return {{"database", database},
          {"pid", one.session.pid == 0 ? ordered_json{} : ordered_json(one.session.pid)},
          {"prepared", text_or_null(one.prepared)},
          {"user", text_or_null(one.session.user)},
          {"application", one.session.application},
          {"since", one.since ? ordered_json(format_time(to_int(*one.since))) : ordered_json{}},
          {"state", one.state ? ordered_json(*one.state) : ordered_json{}},
          {"blocks", std::move(blocks)},
          {"on", one.rows},
          {"mayEnd", why_not.empty()},
          {"whyNot", text_or_null(why_not)}};
}

std::vector<std::string> table_row(const lock_holder& one) {
  return {one.session.pid == 0 ? one.prepared : std::to_string(one.session.pid),
          user_text(one),
          one.session.application.empty() ? "-" : one.session.application,
          one.since ? format_time(to_int(*one.since)) : "unknown",
          one.session.pid == 0 ? "prepared" : or_unknown(one.state),
          blocks_text(one),
          one.blocked.empty() ? "-" : format_duration(longest_wait(one)),
          one.blocked.empty() ? "-" : rows_text(one),
          end_text(one)};
}

int run_list(const config& settings, bool json) {
  const auto databases = open_databases(settings);
  auto items = ordered_json::array();
  std::vector<std::vector<std::string>> table{
      {"pid", "user", "application", "since", "state", "blocks", "waiting", "on", "can be ended"}};
  const lock_holder* first = nullptr;
  std::vector<lock_holder> all;
  for (const auto& [name, watch] : databases.all)
    for (auto& each : watch->look(look_patience)) {
      items.push_back(to_json(name, each));
      table.push_back(table_row(each));
      all.push_back(std::move(each));
    }
  const lock_holder* prepared = nullptr;
  for (const auto& each : all) {
    if (first == nullptr && !each.blocked.empty() && obstacle(each).empty())
      first = &each;
    if (prepared == nullptr && !each.prepared.empty() && !each.blocked.empty())
      prepared = &each;
  }
  for (const auto& problem : databases.problems)
    complain("%s", problem.c_str());
  if (json)
    print_json({{"items", std::move(items)}, {"problems", databases.problems}});
  else if (all.empty())
    print_line("%s", "no other session holds a lock that ledgerd could wait for");
  else
    print_table(table);
  if (!json && first != nullptr)
    print_line("next: `ledgerd locks end %lld --why TEXT` ends that session; what it has not "
               "committed is undone",
               static_cast<long long>(first->session.pid));
  if (!json && prepared != nullptr)
    print_line("%s: %s", prepared->prepared.c_str(), obstacle(*prepared).c_str());
  return databases.problems.empty() ? exit_code::done : exit_code::answer_is_no;
}

// Written down before it is done, as with dead letters.
void publish_end(const config& settings, const lock_holder& whom, const end_options& options) {
  const auto nats = connect_broker(settings);
  if (!nats->stream(names::action_stream).exists)
    throw std::runtime_error("stream " + std::string{names::action_stream}
                             + ": is missing, so nobody would know who has ended the session; a "
                               "daemon makes it at its start");
  ended_session told{.pid = whom.session.pid,
                     .user = whom.session.user,
                     .application = whom.session.application,
                     .since_us = whom.since ? std::optional{to_int(*whom.since)} : std::nullopt,
                     .blocked = {},
                     .rows = whom.rows};
  for (const auto& each : whom.blocked)
    told.blocked.push_back(each.pid);
  std::optional entry = session_entry(
      told, {.who = user_at_host(), .why = options.why, .stamp = wall_clock_ns() / 1'000'000});
  nats->publish_all([&] { return std::exchange(entry, std::nullopt); }, 1, [](std::uint64_t) {},
                    publish_patience);
}

void write_down(const config& settings, const lock_holder& whom, const end_options& options) {
  try {
    publish_end(settings, whom, options);
  } catch (const std::runtime_error& why) {
    throw std::runtime_error(std::string{why.what()} + "; the " + to_text(whom.session)
                             + " lives on, since its end is written down there first: without NATS "
                               "`SELECT pg_terminate_backend("
                             + options.whom + ")` in psql ends it");
  }
}

struct found_holder {
  lock_watch* watch;
  const char* database;
  lock_holder holder;
};

// The session with this number that blocks; none: why not, in `why_not`.
std::optional<found_holder> find_blocker(const watched_databases& databases, std::int64_t pid,
                                         std::string& why_not) {
  const auto number = "session " + std::to_string(pid);
  auto kind = session_kind::none;
  std::vector<found_holder> found;
  for (const auto& [name, watch] : databases.all) {
    const auto what = watch->kind_of(pid);
    kind = std::max(kind, what);
    if (what == session_kind::other)
      for (auto& each : watch->look(look_patience))
        if (each.session.pid == pid && !each.blocked.empty())
          found.push_back({watch.get(), name, std::move(each)});
  }
  if (found.size() == 1)
    return std::move(found.front());
  why_not = found.size() > 1 ? "both servers have a " + number
                                   + " that blocks: leave out --account-database-url, or give its "
                                     "value as --database-url"
            : kind == session_kind::none ? "there is no " + number
            : kind == session_kind::ours
                ? number + " is one of ledgerd's own, which ends its waits by itself"
                : number + " was not seen to block any session of ledgerd: nothing is ended";
  return std::nullopt;
}

// It has no session that could be ended.
int refuse_prepared(const watched_databases& databases, const end_options& options) {
  for (const auto& [name, watch] : databases.all)
    for (const auto& each : watch->look({}))
      if (each.prepared == options.whom)
        return say_no(options.json, "FORBIDDEN", options.whom + ": " + obstacle(each));
  return say_no(options.json, "NOT_FOUND",
                "there is no session and no prepared transaction " + options.whom
                    + " that holds locks");
}

int tell_end(const end_options& options, const found_holder& found, bool done) {
  if (options.json) {
    auto document = to_json(found.database, found.holder);
    document["dryRun"] = options.dry_run;
    document["done"] = done;
    print_json(document);
  } else {
    print_line("%s the %s, which blocked %s", options.dry_run ? "would end" : "ended",
               to_text(found.holder.session).c_str(), blocks_text(found.holder).c_str());
  }
  return exit_code::done;
}

int run_end(const config& settings, const end_options& options) {
  if (options.why.empty() && !options.dry_run)
    throw usage_error{
        "say with --why TEXT why the session is ended: it is kept, or look first with "
        "--dry-run"};
  const auto databases = open_databases(settings);
  for (const auto& problem : databases.problems)
    complain("warning: %s", problem.c_str());
  const auto pid = parse_integer(options.whom, 1, INT32_MAX);
  if (!pid)
    return refuse_prepared(databases, options);
  std::string why_not;
  const auto found = find_blocker(databases, *pid, why_not);
  if (!found)
    return say_no(options.json, "NOT_FOUND", why_not);
  const auto& whom = found->holder;
  if (const auto fault = obstacle(whom); !fault.empty())
    return say_no(options.json, "FORBIDDEN", to_text(whom.session) + ": " + fault);
  if (options.dry_run)
    return tell_end(options, *found, false);
  write_down(settings, whom, options);
  switch (found->watch->end(whom, end_patience)) {
  case end_outcome::ended:
    break;
  case end_outcome::gone:
    return say_no(options.json, "NOT_FOUND",
                  to_text(whom.session) + " has ended its transaction by itself meanwhile");
  case end_outcome::denied:
    return say_no(options.json, "FORBIDDEN",
                  to_text(whom.session) + ": the server refuses this login to end it");
  case end_outcome::stays:
    return say_no(options.json, "UNAVAILABLE",
                  to_text(whom.session) + " was told to end, and is still there after "
                      + format_duration(end_patience));
  }
  return tell_end(options, *found, true);
}

} // namespace

void add_locks(command_line& line) {
  auto& group = line.add_group("locks", "Who blocks ledgerd in PostgreSQL, and the end of it");
  group.footer("Example: ledgerd locks list");
  const auto list_json = std::make_shared<bool>(false);
  auto& list = line.add_verb_to(
      group,
      {"list",
       "List the sessions and prepared transactions of others that hold locks on the tables, and "
       "what waits for them",
       "ledgerd locks list --json"},
      [list_json](const config& settings) { return run_list(settings, *list_json); });
  list.add_flag("--json", *list_json, "Print JSON");
  const auto options = std::make_shared<end_options>();
  auto& end = line.add_verb_to(
      group,
      {"end",
       "End a session that blocks ledgerd; exit code 1 when it does not, or when that is not "
       "allowed",
       "ledgerd locks end 4711 --why \"left open over night\""},
      [options](const config& settings) { return run_end(settings, *options); });
  end.add_option("PID", options->whom,
                 "The session, as `ledgerd locks list` shows it; or the name of a prepared "
                 "transaction, which is not ended: it is said who can, and how")
      ->required();
  end.add_option("--why", options->why, "The reason, kept with the entry of it");
  end.add_flag("--dry-run", options->dry_run, "Only say whether it would be ended");
  end.add_flag("--json", options->json, "Print JSON");
}

} // namespace ledgerd
