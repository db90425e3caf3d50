// Reads the reference off the definitions that parse the command line.
#include <algorithm>

#include "app/verbs/command_line.hpp"

namespace ledgerd {

namespace {

// The values of a choice: {DEPOSIT,WITHDRAWAL} among what the library calls the type, or
// text|json.
std::vector<std::string> choices_in(std::string unit) {
  char between = '|';
  if (const auto open = unit.find('{'), close = unit.find('}');
      open != std::string::npos && close != std::string::npos && open < close) {
    unit = unit.substr(open + 1, close - open - 1);
    between = ',';
  }
  std::vector<std::string> result;
  for (std::size_t at = 0; unit.find(between) != std::string::npos && at <= unit.size();) {
    const auto end = std::min(unit.find(between, at), unit.size());
    result.push_back(unit.substr(at, end - at));
    at = end + 1;
  }
  return result;
}

flag_entry flag_of(const CLI::Option& option) {
  flag_entry flag;
  for (const auto& name : option.get_snames())
    flag.names.push_back("-" + name);
  for (const auto& name : option.get_lnames())
    flag.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) {
    const auto type = option.get_type_name();
    flag.choices = choices_in(type);
    flag.unit = type.substr(0, type.find(":{"));
  }
  flag.help = option.get_description();
  flag.configuration = option.get_group() == "Configuration";
  return flag;
}

std::string example_in(const std::string& footer) {
  constexpr std::string_view begin = "Example: ";
  const auto line = footer.substr(0, footer.find('\n'));
  return line.starts_with(begin) ? line.substr(begin.size()) : std::string{};
}

verb_entry entry_of(const CLI::App& app) {
  verb_entry verb{app.get_name(), app.get_description(), example_in(app.get_footer()), {}, {}, {}};
  for (const auto* option : app.get_options()) {
    if (option->get_positional())
      verb.words.push_back({option->get_name(true), option->get_description(),
                            choices_in(option->get_type_name()), option->get_required()});
    else if (!option->get_group().empty()) // not one that is hidden
      verb.flags.push_back(flag_of(*option));
  }
  for (const auto* below : app.get_subcommands([](const CLI::App*) { return true; }))
    verb.verbs.push_back(entry_of(*below));
  return verb;
}

} // namespace

verb_entry command_line::reference() const {
  auto program = entry_of(app_);
  std::vector<std::string> names;
  for (const auto& each : program.verbs)
    names.push_back(each.name);
  // Not checked by the library: what comes behind a verb is one of that verb's.
  for (auto& each : program.verbs)
    if (each.name == "help")
      each.words.at(0).choices = names;
  return program;
}

} // namespace ledgerd
