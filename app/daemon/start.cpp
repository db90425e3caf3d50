#include "app/daemon/start.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "actors/common/log.hpp"
#include "app/base/text.hpp"
#include "app/config/broker_access.hpp"
#include "app/config/database_urls.hpp"
#include "app/daemon/roles.hpp"
#include "app/daemon/shadow_start.hpp"
#include "app/daemon/topology_watch.hpp"
#include "app/operations/cluster_question.hpp"
#include "app/operations/cluster_report.hpp"
#include "domain/exit_code.hpp"
#include "domain/log_throttle.hpp"
#include "messaging/shadow_topology.hpp"
#include "persistence/database_error.hpp"
#include "persistence/database_watch.hpp"
#include "persistence/held_database.hpp"
#include "persistence/schema.hpp"
#include "persistence/schema_names.hpp"

namespace ledgerd {

namespace {

constexpr auto attempt_pause = std::chrono::milliseconds{1000};
constexpr auto say_pause = std::chrono::seconds{30};
constexpr auto namesake_patience = std::chrono::milliseconds{500};
constexpr auto claim_patience = std::chrono::seconds{5}; // for a shadow that was just killed

// A node of this node's name, or of another ledger, that is about to go.
class name_not_free_yet : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

// Whether trying again does not help until somebody changes something.
bool is_refusal(const std::exception& failure) {
  const auto* database = dynamic_cast<const database_error*>(&failure);
  return dynamic_cast<const broker_refused*>(&failure) != nullptr
         || dynamic_cast<const name_not_free_yet*>(&failure) != nullptr
         || (database != nullptr && database->fault() == database_fault::refused);
}

[[noreturn]] void refuse_start(const std::string& why) {
  log(log_event::start_refused, {{"why", why}}, "cannot start: {}", why);
  throw stop_start{exit_code::cannot_start};
}

// Says what the start waits for: at once when that changes, then now and then.
class attempt_log {
public:
  void failed(const std::string& what, const std::string& why) {
    const auto now = std::chrono::steady_clock::now();
    if (why == last_ && now - said_ < say_pause)
      return;
    last_ = why;
    said_ = now;
    log(log_event::start_waiting, {{"step", what}, {"why", why}}, "{}: {}; trying again", what,
        why);
  }

private:
  std::string last_;
  std::chrono::steady_clock::time_point said_;
};

// Runs `step` until it does not throw. A signal between attempts ends the start.
template <class Step>
auto keep_trying(const char* what, const start_steps& start, Step step) {
  attempt_log attempts;
  for (;;) {
    start.health.starting(what, "not done yet");
    try {
      return step();
    } catch (const std::exception& e) {
      refuse_start_if_told(start); // that may be why it failed
      const auto why = one_line(e.what());
      start.health.starting(what, why);
      if (is_refusal(e) && std::chrono::steady_clock::now() + attempt_pause > start.refused_until)
        refuse_start(std::string{what} + ": " + why);
      attempts.failed(what, why);
    }
    if (start.signals.wait(attempt_pause))
      refuse_start_if_told(start);
  }
}

void refuse_start_on(const std::vector<std::string>& faults) {
  for (const auto& fault : faults)
    log(log_event::start_refused, {{"why", fault}}, "cannot start: {}", fault);
  if (!faults.empty())
    throw stop_start{exit_code::cannot_start};
}

// A shadow's rows are verdicts that nobody was told: no daemon may answer from them.
std::unique_ptr<shadow_claim> check_shadow(const url_source& url, const start_steps& start) {
  auto claim = start.settings.shadow ? make_shadow_claim(url) : nullptr;
  const auto fault = keep_trying("database", start, [&]() -> std::string {
    if (!claim)
      return is_shadow_database(url()) ? shadow_database_sentence : "";
    const auto unfit = claim_for_shadow(url());
    return unfit.empty() ? claim->hold(claim_patience) : unfit;
  });
  if (!fault.empty())
    refuse_start(fault);
  return claim;
}

void open_database(const url_source& url, schema which, const start_steps& start) {
  const char* what = which == schema::ledger ? "database" : "account database";
  const auto found = keep_trying(what, start, [&] { return read_schema(url(), which); });
  if (start.settings.migrate && found.version < found.known)
    keep_trying("migration", start, [&] {
      for (const auto& name : migrate(url(), which))
        log(log_event::migration_applied, {{"migration", name}}, "applied migration {}", name);
      return true;
    });
  refuse_start_on(keep_trying(what, start, [&] {
    auto faults = check_database(url(), which);
    for (const auto& fault : faults)
      if (may_pass(fault))
        throw database_error(database_fault::away, fault);
    return faults;
  }));
}

// Before anything is made. Where a shadow's consumers are older than the shadow, they stand where
// another one has left them.
void check_left_consumers(const start_steps& start, broker& nats) {
  const auto past = keep_trying(
      "database", start, [&] { return read_shadow_past(ledger_database(start.settings)()); });
  const auto found = keep_trying("consumers", start, [&] {
    std::vector<consumer_state> states;
    for (const auto& each : shadow_consumers)
      states.push_back(nats.consumer(each.stream, each.name));
    return judge_left_consumers(states, past, start.settings.shadow_from);
  });
  if (!found.warning.empty())
    log(log_event::topology_warned, "{}", found.warning);
  if (!found.refusal.empty())
    refuse_start(found.refusal);
}

// The names are told of a silent one, too.
bool has_consumer(broker& nats, const pulled_consumer& one) {
  const auto names = nats.consumer_names(one.stream);
  return std::find(names.begin(), names.end(), one.durable) != names.end();
}

// A line up to the first thing that it quotes or counts, whoever says it: one kind, whatever it
// names.
std::string_view kind_of(std::string_view text) {
  const auto speaker = text.find(": ");
  const auto begin = speaker == std::string_view::npos ? 0 : speaker;
  return text.substr(0, text.find_first_of("\"0123456789$", begin));
}

// Called from several threads of the library: a right that is missing makes a line for each
// message.
void log_link_event(link_event event, const std::string& detail) {
  static std::mutex mutex;
  static log_throttle lines;
  std::optional<std::uint64_t> more;
  {
    const std::lock_guard lock{mutex};
    more = lines.admit(kind_of(detail), std::chrono::steady_clock::now());
  }
  if (!more && (event == link_event::error || event == link_event::slow_consumer))
    return;
  switch (event) {
  case link_event::connected:
  case link_event::reconnected:
  case link_event::rebuilt:
    return log(log_event::broker_connected, {{"detail", detail}}, "broker: connected: {}", detail);
  case link_event::disconnected:
    return log(log_event::broker_lost, {{"detail", detail}}, "broker: connection lost: {}", detail);
  case link_event::slow_consumer:
  case link_event::error:
    return log(log_event::broker_trouble, {{"detail", detail}}, "broker: {}{}", detail,
               left_out_text(*more));
  }
}

} // namespace

void refuse_start_if_told(const start_steps& start) {
  if (!start.signals.told())
    return;
  log(log_event::start_abandoned, "told to stop before the start was complete");
  throw stop_start{exit_code::done};
}

std::unique_ptr<shadow_claim> open_databases(const start_steps& start) {
  const auto& settings = start.settings;
  set_database_listener([throttle = log_throttle{}](const std::string& sentence) mutable {
    if (const auto left_out = throttle.admit(sentence, std::chrono::steady_clock::now()))
      log(log_event::database_trouble, {{"detail", sentence}}, "database: {}{}", sentence,
          left_out_text(*left_out));
  });
  std::unique_ptr<shadow_claim> claim;
  if (settings.has_role(role::ledger)) {
    open_database(ledger_database(settings), schema::ledger, start);
    claim = check_shadow(ledger_database(settings), start);
  }
  if (settings.has_role(role::account))
    open_database(account_database(settings), schema::account, start);
  return claim;
}

std::uint64_t read_identity(const start_steps& start) {
  const auto& settings = start.settings;
  if (settings.has_role(role::account))
    hold_to_database(schema::account, keep_trying("account database", start, [&] {
                       return database_identity(account_database(settings)());
                     }));
  if (!settings.has_role(role::ledger))
    return 0;
  const auto identity = keep_trying("database", start,
                                    [&] { return database_identity(ledger_database(settings)()); });
  hold_to_database(schema::ledger, identity);
  return ledger_identity(identity);
}

void keep_claim(shadow_claim& claim) {
  try {
    if (const auto taken = claim.hold(std::chrono::milliseconds{0}); !taken.empty())
      log(log_event::database_trouble, {{"detail", taken}}, "database: {}", taken);
  } catch (const std::runtime_error&) {
    // The database is away: readiness says so.
  }
}

std::unique_ptr<broker> open_broker(const start_steps& start, std::uint64_t database) {
  const auto& settings = start.settings;
  auto options = broker_access(settings, "ledgerd " + settings.node_name);
  options.may_answer = !settings.shadow;
  auto nats =
      keep_trying("broker", start, [&] { return broker::connect(options, log_link_event); });
  if (settings.shadow)
    check_left_consumers(start, *nats);
  const auto how = provisioning_of(settings, database);
  const auto found = keep_trying("provisioning", start, [&] { return nats->provision(how); });
  for (const auto& one : found.made)
    log(log_event::topology_made, {{"what", one}}, "made {}", one);
  for (const auto* sentences : {&found.warned, &found.silent})
    for (const auto& one : *sentences)
      log(log_event::topology_warned, "{}", one);
  if (const auto warning = payload_warning(settings, nats->message_bytes_max()); !warning.empty())
    log(log_event::topology_warned, "{}", warning);
  refuse_start_on(found.refused);
  return nats;
}

void check_name(const start_steps& start, std::shared_ptr<peer_line> to_all,
                std::uint64_t database) {
  if (start.settings.shadow)
    return; // it is none of the nodes
  cluster_question nodes{std::move(to_all), namesake_patience};
  keep_trying("name", start, [&] {
    const auto answers = nodes.ask();
    // This node says no word yet, so whoever answers is another one.
    const auto* other = find_namesake(answers, start.settings.node_name, boot_id{});
    const bool taken = other != nullptr;
    if (!taken)
      other = find_stranger(answers, database);
    if (other == nullptr)
      return true;
    const auto what = taken ? describe_namesake(*other) : describe_stranger(*other, database);
    if (other->word.doing != node_doing::leaving)
      refuse_start(what);
    throw name_not_free_yet{what};
  });
}

void check_consumers(const start_steps& start, broker& nats, std::uint64_t database) {
  keep_trying("consumers", start, [&] {
    for (const auto& one : consumers_of(start.settings))
      if (!has_consumer(nats, one)) {
        auto how = provisioning_of(start.settings, database);
        how.despite_faults = true; // the start was not refused: what else is wrong is new
        nats.provision(how);
        throw std::runtime_error("the consumer " + std::string{one.durable} + " was gone");
      }
    return true;
  });
}

std::shared_ptr<currency_table> open_currencies(const start_steps& start,
                                                ledger_facts_source& facts) {
  const auto& settings = start.settings;
  auto table = keep_trying("currencies", start, [&] {
    try {
      return std::make_shared<currency_table>(facts.read());
    } catch (const std::exception& e) {
      // The account side does without the ledger, unless it needs a currency of which only the
      // ledger knows.
      const auto kept = settings.has_role(role::ledger) ? std::vector<currency>{} : facts.kept();
      auto known = std::make_shared<currency_table>(kept);
      const auto code = settings.rules.default_currency;
      if (kept.empty() || (code && !known->exponent(*code)))
        throw;
      log(log_event::currencies_kept, {{"currencies", kept.size()}},
          "currencies: {}; starting with the {} that are kept", e.what(), kept.size());
      return known;
    }
  });
  if (const auto code = settings.rules.default_currency; code && !table->exponent(*code))
    refuse_start("--default-currency " + std::string{code->text()}
                 + ": there is no such currency in the table " + schema_name(schema::ledger)
                 + ".currencies");
  return table;
}

} // namespace ledgerd
