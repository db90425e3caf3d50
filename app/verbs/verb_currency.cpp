#include <memory>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/base/usage_error.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "persistence/currencies.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

struct add_options {
  std::string code;
  int exponent = 0;
  bool json = false;
};

int run_list(const config& settings, bool json) {
  const auto currencies = open_ledger_to_read(settings)->currencies();
  if (json) {
    auto items = ordered_json::array();
    for (const auto& each : currencies)
      items.push_back({{"code", each.code.text()}, {"exponent", each.exponent}});
    print_json({{"items", items}});
    return exit_code::done;
  }
  std::vector<std::vector<std::string>> table{{"code", "exponent"}};
  for (const auto& each : currencies)
    table.push_back({std::string{each.code.text()}, std::to_string(each.exponent)});
  print_table(table);
  return exit_code::done;
}

int run_add(const config& settings, const add_options& options) {
  const auto code = currency_code::parse(options.code);
  if (!code)
    throw usage_error{"CODE must be three letters from A to Z, not `" + shorten(options.code)
                      + "`"};
  require_ledger_database(settings);
  const auto found = add_currency(settings.database_url, {*code, options.exponent});
  const bool as_wanted = found.exponent == options.exponent;
  if (options.json)
    print_json({{"code", options.code}, {"exponent", found.exponent}, {"added", found.added}});
  else if (found.added)
    print_line("added %s with %d digits", options.code.c_str(), found.exponent);
  else if (as_wanted)
    print_line("%s is there already, with %d digits", options.code.c_str(), found.exponent);
  if (!as_wanted)
    complain("%s is there already, with %d digits: balances are counted in them, so they never "
             "change; add another currency under a code of its own",
             options.code.c_str(), found.exponent);
  return as_wanted ? exit_code::done : exit_code::answer_is_no;
}

} // namespace

void add_currency_verbs(command_line& line) {
  auto& group = line.add_group("currency", "The currencies that the ledger counts in");
  group.footer("Example: ledgerd currency list");
  const auto list_json = std::make_shared<bool>(false);
  auto& list = line.add_verb_to(
      group, {"list", "List the currencies and the digits of each", "ledgerd currency list --json"},
      [list_json](const config& settings) { return run_list(settings, *list_json); });
  list.add_flag("--json", *list_json, "Print JSON");

  const auto options = std::make_shared<add_options>();
  auto& add = line.add_verb_to(
      group,
      {"add",
       "Add a currency; running nodes know it as soon as a request names it. Its digits never "
       "change: exit code 1 when it is there with others",
       "ledgerd currency add XAU 6"},
      [options](const config& settings) { return run_add(settings, *options); });
  add.add_option("CODE", options->code, "Three capital letters")->required();
  add_integer(add, "EXPONENT", options->exponent, 0, currency::max_exponent,
              "Digits after the decimal point")
      .required();
  add.add_flag("--json", options->json, "Print JSON");
}

} // namespace ledgerd
