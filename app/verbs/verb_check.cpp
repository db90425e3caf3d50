#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/config/broker_access.hpp"
#include "app/config/certificate_files.hpp"
#include "app/config/names_section.hpp"
#include "app/config/options.hpp"
#include "app/daemon/roles.hpp"
#include "app/daemon/topology_watch.hpp"
#include "app/http/certificate.hpp"
#include "app/verbs/certificate_findings.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/link_warnings.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "messaging/account_room.hpp"
#include "messaging/names.hpp"
#include "messaging/stream_room.hpp"
#include "persistence/link_check.hpp"
#include "persistence/schema.hpp"
#include "persistence/session_room.hpp"
#include "persistence/shadow_mark.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;
using sentences = std::vector<std::string>;

struct finding {
  std::string part; // configuration, certificates, broker, database, account database
  sentences faults; // empty: all is well
  sentences warnings = {};
};

// What a part says, or the reason why it could not be asked.
finding ask(std::string part, const std::function<sentences()>& question) {
  finding found{std::move(part), {}, {}};
  try {
    found.faults = question();
  } catch (const std::exception& e) {
    found.faults = {e.what()};
  }
  return found;
}

void add_link_warning(const std::string& database_url, sentences& to) {
  if (auto warning = link_warning(database_url); !warning.empty())
    to.push_back(std::move(warning));
}

void add_room_warning(const std::string& database_url, std::size_t sessions, sentences& to) {
  if (auto warning = session_room_warning(database_url, sessions); !warning.empty())
    to.push_back(std::move(warning));
}

void add_full_streams(broker& nats, bool shadow, sentences& to) {
  auto streams = std::vector{names::request_stream, names::result_stream};
  if (!shadow)
    streams.insert(streams.end(), {names::dead_letter_stream, names::action_stream});
  for (const auto name : streams)
    try {
      if (const auto state = nats.stream(name); is_full(state))
        to.push_back(
            "the stream " + std::string(name) + " is full (" + room_text(state)
            + ") and refuses what is published: raise its limits or purge what is settled");
    } catch (const part_silent& why) {
      const auto who = "stream " + std::string(name) + ": no server";
      if (std::none_of(to.begin(), to.end(), [&](const auto& one) { return one.starts_with(who); }))
        to.emplace_back(why.what());
    }
}

void add_account_warnings(const config& settings, sentences& to) {
  auto streams = std::vector{names::request_stream, names::result_stream};
  if (!settings.shadow)
    streams.insert(streams.end(),
                   {names::dead_letter_stream, names::exhausted_stream, names::action_stream});
  for (auto& each : account_room_warnings(broker_access(settings, "ledgerd check"), streams))
    to.push_back(std::move(each));
}

std::chrono::sys_seconds system_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

// Also that the HTTP pair is one, which the start would refuse.
finding judge(const std::vector<used_certificate>& certificates, const http_settings& http) {
  auto found = judge_certificates(certificates, system_now());
  try {
    if (http.http_listen)
      read_http_certificate(http);
  } catch (const std::exception& e) {
    found.faults.emplace_back(e.what());
  }
  return {"certificates", std::move(found.faults), std::move(found.warnings)};
}

// 0: its database cannot be asked, which is said of the database.
std::uint64_t shadowed_ledger(const config& settings) {
  try {
    return settings.database_url.empty()
               ? 0
               : ledger_identity(database_identity(settings.database_url));
  } catch (const std::exception&) {
    return 0;
  }
}

std::vector<finding> look(const loaded_config& loaded,
                          const std::vector<used_certificate>& certificates) {
  const auto& settings = loaded.value;
  std::vector<finding> findings;
  findings.push_back({"configuration", loaded.faults, loaded.warnings});
  if (auto missing = missing_database(settings); !missing.empty())
    findings.back().faults.push_back(std::move(missing));
  if (!settings.listens_locally() && settings.http_tls_cert_file.empty())
    findings.back().warnings.emplace_back(
        "http-listen is not a loopback address, and HTTP is not encrypted: tokens and amounts can "
        "be "
        "read on the way; give http-tls-cert-file, or let a proxy speak TLS");
  if (!certificates.empty())
    findings.push_back(judge(certificates, settings));
  sentences warnings;
  findings.push_back(ask("broker", [&] {
    auto only_look = provisioning_of(settings, settings.shadow ? shadowed_ledger(settings) : 0);
    only_look.create = false;
    const auto nats = connect_broker(settings);
    auto found = nats->provision(only_look);
    std::move(found.silent.begin(), found.silent.end(), std::back_inserter(found.refused));
    add_full_streams(*nats, settings.shadow, found.refused);
    warnings = std::move(found.warned);
    if (auto warning = payload_warning(settings, nats->message_bytes_max()); !warning.empty())
      warnings.push_back(std::move(warning));
    add_account_warnings(settings, warnings);
    for (auto& each : broker_link_warnings(settings.nats_url))
      warnings.push_back(std::move(each));
    return std::move(found.refused);
  }));
  findings.back().warnings = std::exchange(warnings, {});
  const auto account_sessions = sessions_needed(settings, schema::account);
  const bool one_database =
      settings.has_role(role::ledger) && settings.records_url() == settings.database_url;
  if (settings.has_role(role::ledger) && !settings.database_url.empty()) {
    findings.push_back(ask("database", [&] {
      warnings = database_warnings(settings.database_url);
      add_link_warning(settings.database_url, warnings);
      auto faults = check_database(settings.database_url);
      if (faults.empty() && !settings.shadow && is_shadow_database(settings.database_url))
        faults.emplace_back(shadow_database_sentence);
      if (faults.empty())
        add_room_warning(settings.database_url,
                         sessions_needed(settings, schema::ledger)
                             + (one_database ? account_sessions : 0),
                         warnings);
      return faults;
    }));
    findings.back().warnings = std::exchange(warnings, {});
  }
  if (settings.has_role(role::account) && !settings.records_url().empty()) {
    findings.push_back(ask("account database", [&] {
      auto faults = check_database(settings.records_url(), schema::account);
      if (one_database)
        return faults; // the rest is said already
      warnings = server_warnings(settings.records_url());
      add_link_warning(settings.records_url(), warnings);
      if (faults.empty())
        add_room_warning(settings.records_url(), account_sessions, warnings);
      return faults;
    }));
    findings.back().warnings = std::move(warnings);
  }
  return findings;
}

// The settings that decide the speed, and where they come from.
ordered_json engine_of(const config& settings) {
  auto items = ordered_json::array();
  for (const std::string_view name : {"fetchers", "gates", "scheduler-threads", "max-in-flight"}) {
    const auto why = std::find_if(settings.derived.begin(), settings.derived.end(),
                                  [&](const auto& each) { return each.option == name; });
    items.push_back({{"option", name},
                     {"value", find_option(name)->show(settings)},
                     {"from", why == settings.derived.end() ? "given" : why->why}});
  }
  return items;
}

ordered_json json_of(const std::vector<used_certificate>& certificates) {
  auto items = ordered_json::array();
  for (const auto& [name, file, validity] : certificates) {
    items.push_back({{"certificate", name}, {"file", file}});
    auto& item = items.back();
    item["notBefore"] = validity ? ordered_json(to_text(validity->not_before)) : ordered_json();
    item["notAfter"] = validity ? ordered_json(to_text(validity->not_after)) : ordered_json();
  }
  return items;
}

int run_check(const loaded_config& loaded, bool json) {
  const auto certificates = read_certificates(loaded.value);
  const auto findings = look(loaded, certificates);
  bool ok = true;
  auto items = ordered_json::array();
  for (const auto& [part, faults, warnings] : findings) {
    ok = ok && faults.empty();
    items.push_back(
        {{"part", part}, {"ok", faults.empty()}, {"faults", faults}, {"warnings", warnings}});
    if (json)
      continue;
    if (faults.empty())
      print_line("%-16s ok", part.c_str());
    for (const auto& fault : faults)
      print_line("%-16s FAULT  %s", part.c_str(), one_line(fault).c_str());
    for (const auto& warning : warnings)
      print_line("%-16s WARN   %s", part.c_str(), one_line(warning).c_str());
  }
  const auto engine = engine_of(loaded.value);
  if (json) {
    auto names = ordered_json::object();
    for (const auto& [key, name] : shown_names(loaded.value.names))
      names[key] = name;
    print_json({{"ok", ok},
                {"parts", items},
                {"engine", engine},
                {"certificates", json_of(certificates)},
                {"names", names}});
    return ok ? exit_code::done : exit_code::answer_is_no;
  }
  for (const auto& each : certificates)
    print_line("%-16s %s  %s", each.name.c_str(), one_line(each.file).c_str(),
               describe(each, system_now()).c_str());
  for (const auto& each : engine)
    print_line("%-16s %s  %s", each["option"].get<std::string>().c_str(),
               each["value"].get<std::string>().c_str(), each["from"].get<std::string>().c_str());
  for (const auto& [key, name] : changed_names(loaded.value.names))
    print_line("%-28s %s  of [names]", key.c_str(), name.c_str());
  return ok ? exit_code::done : exit_code::answer_is_no;
}

} // namespace

void add_check(command_line& line) {
  const auto json = std::make_shared<bool>(false);
  auto& app =
      line.add_verb({"check", "Check configuration, broker and database; report all faults at once",
                     "ledgerd check --config /etc/ledgerd.toml", option_scope::daemon},
                    [json](const loaded_config& loaded) { return run_check(loaded, *json); });
  app.add_flag("--json", *json, "Print the findings as JSON");
}

} // namespace ledgerd
