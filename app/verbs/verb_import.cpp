#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>

#include "app/base/output.hpp"
#include "app/base/stop_signals.hpp"
#include "app/base/text.hpp"
#include "app/config/database_urls.hpp"
#include "app/import/balance_file.hpp"
#include "app/import/importer.hpp"
#include "app/trace/posting_view.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/progress.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

struct import_request {
  std::string balances;
  bool dry_run = false;
  bool json = false;
};

// The store asks for a ledger that is ready, as the daemon does.
void require_ready(const std::string& url) {
  if (const auto found = read_schema(url); found.version < found.known)
    throw std::runtime_error{"the schema ledger is at version " + std::to_string(found.version)
                             + ", this program needs " + std::to_string(found.known)
                             + "; run `ledgerd migrate` first"};
  for (const auto& fault : check_database(url))
    throw std::runtime_error{fault};
}

balance_file read_file(const std::string& path, const currency_table& currencies) {
  if (path == "-")
    return read_balances(std::cin, currencies);
  std::ifstream file{path, std::ios::binary};
  if (!file || file.peek() == std::ifstream::traits_type::eof())
    throw usage_error{"--balances must name a readable file that is not empty, or be `-` for "
                      "standard input, not `"
                      + shorten(path, 200) + "`"};
  return read_balances(file, currencies);
}

std::string name_of(const std::string& path) {
  return path == "-" ? "standard input" : path;
}

// `1 line is`, `2 lines are`
std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? " is" : "s are");
}

int show_faults(const std::string& path, const balance_file& read) {
  for (const auto& [line, rule] : read.faults)
    complain("%s:%llu: %s", name_of(path).c_str(), static_cast<unsigned long long>(line),
             rule.c_str());
  complain("%s wrong; nothing was imported", counted(read.fault_count, "line").c_str());
  return exit_code::wrong_usage;
}

// What no rule forbids and hardly anybody means.
void show_warnings(const std::string& path, const balance_file& read) {
  if (read.rows.empty())
    complain("warning: %s: there is no account in the file", name_of(path).c_str());
  if (read.padded_count > 0)
    complain("warning: %s:%llu: the user begins or ends with a blank, which makes it another user "
             "than without; %llu of the file's accounts have such a user",
             name_of(path).c_str(), static_cast<unsigned long long>(read.first_padded),
             static_cast<unsigned long long>(read.padded_count));
}

std::string money_text(money amount, const account_key& account, const currency_table& currencies) {
  return amount_text(amount, account.currency, currencies);
}

std::string why(const refused_balance& one, const currency_table& currencies) {
  if (!one.fault.empty())
    return "cannot be opened: " + one.fault;
  const auto text = [&](money amount) { return money_text(amount, one.asked.account, currencies); };
  if (one.opened_with)
    return "was imported with " + text(*one.opened_with);
  return "has " + text(one.present.balance) + " after " + std::to_string(one.present.seq)
         + (one.present.seq == 1 ? " row" : " rows") + ", none of an import";
}

ordered_json to_json(const import_request& request, const balance_file& read,
                     const import_result& result, const currency_table& currencies) {
  auto totals = ordered_json::array();
  for (const auto& [code, total] : read.totals)
    totals.push_back({{"currency", code.text()},
                      {"accounts", total.accounts()},
                      {"balances", total.text(currencies.exponent(code).value_or(0))}});
  auto refused = ordered_json::array();
  for (const auto& one : result.refused)
    refused.push_back({{"line", one.asked.line},
                       {"userId", one.asked.account.user_id},
                       {"currency", one.asked.account.currency.text()},
                       {"balance", money_text(one.asked.balance, one.asked.account, currencies)},
                       {"present", one.fault.empty() ? ordered_json(money_text(
                                       one.present.balance, one.asked.account, currencies))
                                                     : ordered_json{}},
                       {"why", why(one, currencies)}});
  ordered_json json{{"dryRun", request.dry_run},   {"accounts", read.rows.size()},
                    {"opened", result.opened},     {"known", result.known},
                    {"zero", result.zero},         {"left", result.left},
                    {"totals", std::move(totals)}, {"refused", std::move(refused)}};
  if (!result.failure.empty())
    json["failure"] = result.failure;
  return json;
}

void print_text(const import_request& request, const balance_file& read,
                const import_result& result, const currency_table& currencies) {
  std::vector<std::vector<std::string>> totals{{"currency", "accounts", "balances"}};
  for (const auto& [code, total] : read.totals)
    totals.push_back({std::string{code.text()}, std::to_string(total.accounts()),
                      total.text(currencies.exponent(code).value_or(0))});
  print_table(totals);
  print_line("%s", "");
  print_table({{"in the file", "opened", "there already", "zero: no row",
                request.dry_run ? "would be opened" : "left", "refused"},
               {std::to_string(read.rows.size()), std::to_string(result.opened),
                std::to_string(result.known), std::to_string(result.zero),
                std::to_string(result.left), std::to_string(result.refused.size())}});
  if (result.refused.empty())
    return;
  print_line("%s", "");
  std::vector<std::vector<std::string>> refused{
      {"line", "account", "in the file", "in the ledger"}};
  for (const auto& one : result.refused)
    refused.push_back(
        {std::to_string(one.asked.line),
         one.asked.account.user_id + "/" + std::string{one.asked.account.currency.text()},
         money_text(one.asked.balance, one.asked.account, currencies), why(one, currencies)});
  print_table(refused);
}

import_result import_rows(const import_request& request, const balance_file& read,
                          const config& settings) {
  const auto finder = make_postgres_account_finder(ledger_database(settings));
  const auto store = make_postgres_opening_store(ledger_database(settings));
  if (request.dry_run)
    return importer{*finder, *store, {}}.compare(read.rows);
  progress bar{"opened", read.rows.size()};
  import_options options;
  options.opened = [&bar](std::uint64_t done) { bar.update(done); };
  options.waits = [](const std::string& what) { complain("warning: waiting: %s", what.c_str()); };
  options.stopped = [] { return stop_signals::seen(); };
  auto result = importer{*finder, *store, options}.run(read.rows);
  bar.finish(result.opened);
  if (!request.json && (result.opened > 0 || result.refused.empty()))
    print_line("opened %llu accounts in %.2f s (%.0f/s)",
               static_cast<unsigned long long>(result.opened), bar.elapsed().count(),
               static_cast<double>(result.opened) / std::max(bar.elapsed().count(), 1e-6));
  return result;
}

void complain_of_refused(const import_result& result) {
  const auto unopened =
      static_cast<std::size_t>(std::count_if(result.refused.begin(), result.refused.end(),
                                             [](const auto& one) { return !one.fault.empty(); }));
  const auto* nothing = result.opened == 0 ? "; nothing was imported" : "";
  if (unopened > 0)
    complain("%zu account%s cannot be opened%s", unopened, unopened == 1 ? "" : "s", nothing);
  if (const auto present = result.refused.size() - unopened; present > 0)
    complain("%s in the ledger and did not begin with this balance%s",
             counted(present, "account").c_str(), nothing);
}

int run_import(const config& settings, const import_request& request) {
  require_ledger_database(settings);
  const stop_signals signals;
  require_ready(settings.database_url);
  const currency_table currencies{open_ledger(settings)->currencies()};
  const auto read = read_file(request.balances, currencies);
  if (read.fault_count > 0)
    return show_faults(request.balances, read);
  show_warnings(request.balances, read);
  const auto result = import_rows(request, read, settings);
  if (request.json)
    print_json(to_json(request, read, result, currencies));
  else
    print_text(request, read, result, currencies);
  if (stop_signals::seen())
    signals.end_as_asked();
  if (!result.failure.empty())
    throw std::runtime_error{counted(result.left, "account") + " left: " + result.failure
                             + "; run it again"};
  complain_of_refused(result);
  return result.refused.empty() ? exit_code::done : exit_code::answer_is_no;
}

} // namespace

void add_import(command_line& line) {
  const auto request = std::make_shared<import_request>();
  auto& app =
      line.add_verb({"import", "Open accounts with the balances that another service kept",
                     "ledgerd import --balances balances.csv --dry-run"},
                    [request](const config& settings) { return run_import(settings, *request); });
  app.add_option("--balances", request->balances,
                 "CSV with the columns user, currency and balance, each line with its end, or a "
                 "JSON object with these on each line; `-`: standard input")
      ->type_name("FILE")
      ->required();
  app.add_flag("--dry-run", request->dry_run, "Compare with the ledger and change nothing");
  app.add_flag("--json", request->json, "Print JSON");
}

} // namespace ledgerd
