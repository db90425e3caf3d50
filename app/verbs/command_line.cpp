#include "app/verbs/command_line.hpp"

#include <algorithm>
#include <exception>
#include <sstream>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/base/usage_error.hpp"
#include "app/config/machine.hpp"
#include "app/config/names_section.hpp"
#include "app/verbs/problem.hpp"

namespace ledgerd {

namespace {

int fail(int code, const std::string& sentence) {
  complain("%s", sentence.c_str());
  return code;
}

// The code of a verb that ended with `code`, once its output is written. No yes and no no without.
int with_output(int code) {
  const auto why = unwritten_output();
  if (!why)
    return code;
  fail(code, "the output could not be written: " + *why);
  return code == exit_code::done || code == exit_code::answer_is_no ? exit_code::cannot_start
                                                                    : code;
}

std::function<int(const loaded_config&)> refuse_faults(std::function<int(const config&)> run) {
  return [run = std::move(run)](const loaded_config& loaded) {
    for (const auto& warning : loaded.warnings)
      complain("warning: %s", warning.c_str());
    for (const auto& fault : loaded.faults)
      fail(exit_code::wrong_usage, fault);
    return loaded.faults.empty() ? run(loaded.value) : exit_code::wrong_usage;
  };
}

// The verb that was typed last on the command line, or the program itself.
const CLI::App* innermost(const CLI::App* app) {
  for (const auto* below : app->get_subcommands())
    return innermost(below);
  return app;
}

std::vector<std::string> known_words(const CLI::App& app, bool flags) {
  std::vector<std::string> words;
  if (!flags)
    for (const auto* verb : app.get_subcommands([](const CLI::App*) { return true; }))
      words.push_back(verb->get_name());
  if (flags)
    for (const auto* option : app.get_options())
      for (const auto& name : option->get_lnames())
        words.push_back("--" + name);
  return words;
}

} // namespace

std::string not_empty(const std::string& text) {
  return text.empty() ? "must not be empty" : "";
}

CLI::Option& add_number(CLI::App& app, const std::string& name,
                        std::function<void(std::int64_t)> store, std::int64_t low,
                        std::int64_t high, const std::string& help) {
  const auto read = [name, store = std::move(store), low, high](const std::string& text) {
    const auto value = parse_integer(text, low, high);
    if (!value)
      throw CLI::ValidationError{name, "must be an integer from " + std::to_string(low) + " to "
                                           + std::to_string(high) + ", not `" + shorten(text)
                                           + "`"};
    store(*value);
  };
  return *app.add_option_function<std::string>(name, read, help)->type_name("N");
}

command_line::command_line()
    : app_{"Applies every money movement from NATS JetStream to PostgreSQL exactly once.",
           "ledgerd"} {
  app_.set_version_flag("--version", std::string{"ledgerd "} + LEDGERD_VERSION);
  app_.set_help_flag("-h,--help", "Print this help and exit");
  app_.require_subcommand(1);
  app_.footer(
      "Example: ledgerd run --nats-url nats://127.0.0.1:4222 --database-url-file "
      "/etc/ledgerd/database-url\n"
      "`ledgerd VERB --help` explains a verb. Options come from flags, LEDGERD_* "
      "environment variables and a\n"
      "TOML file (--config or LEDGERD_CONFIG), in this order of precedence.\n"
      "Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 cannot start or write, 70 a bug.");
}

CLI::App& command_line::add_verb(const verb_text& text, std::function<int(const config&)> run) {
  return add(app_, text, refuse_faults(std::move(run)));
}

CLI::App& command_line::add_verb(const verb_text& text,
                                 std::function<int(const loaded_config&)> run) {
  return add(app_, text, std::move(run));
}

CLI::App& command_line::add_group(std::string_view name, std::string_view summary) {
  auto* group = app_.add_subcommand(std::string{name}, std::string{summary});
  group->require_subcommand(1);
  return *group;
}

CLI::App& command_line::add_verb_to(CLI::App& group, const verb_text& text,
                                    std::function<int(const config&)> run) {
  return add(group, text, refuse_faults(std::move(run)));
}

CLI::App& command_line::add_plain_verb(const verb_text& text, std::function<int()> run) {
  auto& added = add_name(app_, text);
  added.run_plain = std::move(run);
  return *added.app;
}

command_line::verb& command_line::add_name(CLI::App& parent, const verb_text& text) {
  auto* app = parent.add_subcommand(std::string{text.name}, std::string{text.summary});
  app->footer("Example: " + std::string{text.example});
  auto& added = verbs_.emplace_back();
  added.app = app;
  return added;
}

CLI::App& command_line::add(CLI::App& parent, const verb_text& text,
                            std::function<int(const loaded_config&)> run) {
  auto& added = add_name(parent, text);
  auto* app = added.app;
  added.run = std::move(run);
  app->add_option("--config", added.file, "TOML file with options by their names")
      ->type_name("PATH")
      ->group("Configuration");
  for (const auto& item : options())
    if (item.scope != option_scope::daemon || text.scope == option_scope::daemon)
      add_option(added, item);
  return *app;
}

void command_line::add_option(verb& to, const option& what) {
  static const auto defaults = [] {
    config here;
    static_cast<engine_settings&>(here) = derive_engine(usable_processors(), here.memory_max);
    return here;
  }();
  const auto by_default = what.kind == option_kind::file ? "" : what.show(defaults);
  const auto help = std::string{what.help} + (by_default.empty() ? "" : " [" + by_default + "]");
  const auto add_name = [&](std::string_view known_as) -> CLI::Option& {
    auto& added = to.flags.emplace_back();
    added.name = known_as;
    const auto name = "--" + std::string{known_as};
    added.flag = what.kind == option_kind::flag ? to.app->add_flag(name, added.value, help)
                                                : to.app->add_option(name, added.value, help);
    if (what.kind != option_kind::flag)
      added.flag->type_name(std::string{what.unit});
    return *added.flag;
  };
  add_name(what.name).group("Configuration");
  constexpr auto hidden = "";
  if (!what.former.empty())
    add_name(what.former).group(hidden);
}

setting_list command_line::given_flags(const verb& chosen) {
  setting_list given;
  for (const auto& each : chosen.flags)
    if (each.flag->count() > 0)
      given.emplace_back(each.name, each.value);
  return given;
}

std::string command_line::explain(const CLI::ParseError& error) const {
  const auto* typed = innermost(&app_);
  const auto left = typed->remaining(true);
  const auto unknown = std::find_if(left.begin(), left.end(),
                                    [](const std::string& word) { return word.starts_with("-"); });
  // Before a verb that is unknown its flags are, too.
  const bool is_verb =
      !left.empty() && !left.front().starts_with("-") && !known_words(*typed, false).empty();
  const bool is_flag = unknown != left.end() && !is_verb;
  const auto at_verb = typed == &app_ ? "" : " of `" + typed->get_name() + "`";
  if (is_flag || !left.empty()) {
    auto word = is_flag ? *unknown : left.front();
    word = word.substr(0, word.find('='));
    const auto words = known_words(*typed, is_flag);
    const auto close = nearest(word, words);
    return "`" + shorten(word) + "` is not a "
           + (is_flag         ? "flag"
              : words.empty() ? "word"
                              : "verb")
           + at_verb + (close ? "; did you mean `" + *close + "`?" : "") + " (see --help)";
  }
  constexpr std::size_t sentence_bytes_max = 300; // the library quotes what was typed
  return shorten(error.what(), sentence_bytes_max) + " (see --help)";
}

std::string command_line::help(const std::vector<std::string>& words) const {
  const auto* app = &app_;
  std::string name = app_.get_name();
  for (const auto& word : words) {
    const auto below =
        app->get_subcommands([&](const CLI::App* each) { return each->get_name() == word; });
    if (below.empty())
      throw usage_error{"`" + shorten(word) + "` is not a verb of `" + name + "` (see --help)"};
    app = below.front();
    name += " " + app->get_name();
  }
  // Not `app->help`, which explains the verb that was typed: this one.
  return app->get_formatter()->make_help(app, name, CLI::AppFormatMode::Normal);
}

int command_line::parse_and_run(int argc, const char* const* argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::Success& success) { // --help, --version
    std::ostringstream out;
    const int code = app_.exit(success, out, out);
    print_lines(out.str());
    return code;
  } catch (const CLI::ParseError& error) {
    return fail(exit_code::wrong_usage, explain(error));
  }
  for (const auto& each : verbs_)
    if (each.app->parsed() && each.run_plain)
      return each.run_plain();
    else if (each.app->parsed()) {
      const auto loaded = load_config({given_flags(each), ledgerd_environment(), each.file});
      use_names(loaded.value.names);
      return each.run(loaded);
    }
  return fail(exit_code::wrong_usage, "no verb was given (see --help)");
}

int command_line::parse_and_catch(int argc, const char* const* argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const usage_error& e) {
    return fail(exit_code::wrong_usage, e.what());
  } catch (const std::runtime_error& e) { // the world: a server away, a file that cannot be read
    return fail(exit_code::cannot_start, e.what());
  } catch (const std::exception& e) {
    return fail(exit_code::bug, std::string{"bug: "} + e.what());
  } catch (...) {
    return fail(exit_code::bug, "bug: an exception of unknown type");
  }
}

int command_line::run(int argc, const char* const* argv) {
  const int code = parse_and_catch(argc, argv);
  const std::vector<std::string_view> words(argv, argv + argc);
  const bool json = std::find(words.begin(), words.end(), "--json") != words.end();
  if (json && code != exit_code::done && !has_printed())
    print_problem(problem_code(code), complaints());
  return with_output(code);
}

} // namespace ledgerd
