#include <memory>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/base/usage_error.hpp"
#include "app/trace/posting_view.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/dead_flags.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

struct account_options {
  std::string user;
  int limit = 10;
  bool json = false;
};

using history = std::pair<account_row, std::vector<posting>>;

void print_text(const std::vector<history>& accounts, const currency_table& currencies) {
  std::vector<std::vector<std::string>> balances{{"currency", "balance", "seq", "updated"}};
  for (const auto& [account, rows] : accounts)
    balances.push_back({std::string{account.account.currency.text()},
                        amount_text(account.head.balance, account.account.currency, currencies),
                        std::to_string(account.head.seq), format_time(to_int(account.updated_at))});
  print_table(balances);
  std::vector<std::vector<std::string>> table{
      {"currency", "seq", "processed", "record", "type", "amount", "status", "balance after"}};
  for (const auto& [account, rows] : accounts)
    for (const auto& row : rows)
      table.push_back({std::string{row.account.currency.text()}, std::to_string(row.seq),
                       format_time(to_int(row.created_at)), std::to_string(to_int(row.record)),
                       std::string{to_text(row.type)},
                       amount_text(row.amount, row.account.currency, currencies),
                       std::string{row.verdict == outcome::applied ? status_text(row.verdict)
                                                                   : reason_text(row.verdict)},
                       amount_text(row.balance_after, row.account.currency, currencies)});
  print_line("%s", "");
  print_table(table);
}

nlohmann::ordered_json to_json(const std::string& user, const std::vector<history>& accounts,
                               const currency_table& currencies) {
  auto items = nlohmann::ordered_json::array();
  for (const auto& [account, rows] : accounts) {
    auto transactions = nlohmann::ordered_json::array();
    for (const auto& row : rows)
      transactions.push_back(posting_json(row, currencies));
    items.push_back(
        {{"currency", account.account.currency.text()},
         {"balance", amount_text(account.head.balance, account.account.currency, currencies)},
         {"seq", account.head.seq},
         {"updatedAt", format_time(to_int(account.updated_at))},
         {"transactions", std::move(transactions)}});
  }
  return {{"userId", user}, {"accounts", std::move(items)}};
}

int run_account(const config& settings, const account_options& options) {
  if (const auto fault = check_user_id(options.user))
    throw usage_error{fault->detail};
  const auto ledger = open_ledger_to_read(settings);
  const currency_table currencies{ledger->currencies()};
  std::vector<history> accounts;
  for (auto& account : ledger->accounts_of(options.user)) {
    auto rows = ledger->history(account.account, 0, options.limit);
    accounts.emplace_back(std::move(account), std::move(rows));
  }
  if (accounts.empty())
    return say_no(options.json, "NOT_FOUND",
                  "the user `" + shorten(options.user, 200) + "` has no account");
  if (options.json)
    print_json(to_json(options.user, accounts, currencies));
  else
    print_text(accounts, currencies);
  return exit_code::done;
}

} // namespace

void add_account(command_line& line) {
  const auto options = std::make_shared<account_options>();
  auto& app =
      line.add_verb({"account", "Show a user's balances and latest transactions",
                     "ledgerd account alice --limit 20"},
                    [options](const config& settings) { return run_account(settings, *options); });
  app.add_option("USER", options->user, "The user")->required();
  add_integer(app, "--limit", options->limit, 1, 10000,
              "Transactions for each currency, newest first");
  app.add_flag("--json", options->json, "Print JSON");
}

} // namespace ledgerd
