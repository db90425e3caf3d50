// The command line: verbs, their flags, and the one place where exceptions become exit codes.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "app/config/config.hpp"
#include "app/config/options.hpp"
#include "app/verbs/reference.hpp"
#include "domain/exit_code.hpp"

namespace ledgerd {

// How a verb is announced.
struct verb_text {
  std::string_view name;
  std::string_view summary;
  std::string_view example; // a command line that works, for --help
  option_scope scope = option_scope::connection;
};

// For `check` of an option: whoever gives it means something.
std::string not_empty(const std::string& text);

// What `add_integer` does, with a function that stores the number.
CLI::Option& add_number(CLI::App& app, const std::string& name,
                        std::function<void(std::int64_t)> store, std::int64_t low,
                        std::int64_t high, const std::string& help);

// A whole number as people write it, in decimal and from `low` to `high`; the library would take
// 010 for 8. Anything else is wrong usage. The help shows the present value unless that is 0. Works
// for a flag (`--limit`) and for a word (`RECORD_ID`).
template <class Integer>
CLI::Option& add_integer(CLI::App& app, const std::string& name, Integer& value, std::int64_t low,
                         std::int64_t high, const std::string& help) {
  return add_number(
      app, name, [&value](std::int64_t read) { value = static_cast<Integer>(read); }, low, high,
      value == Integer{} ? help : help + " [" + std::to_string(value) + "]");
}

// Belongs to main's thread.
class command_line {
public:
  command_line();

  // Adds a verb and returns its CLI11 application, to which the verb adds flags of its own. `run`
  // gets the finished configuration and returns an exit code; before that, a faulty configuration
  // has been reported.
  CLI::App& add_verb(const verb_text& text, std::function<int(const config&)> run);

  // The same for a verb that reports faults of the configuration itself.
  CLI::App& add_verb(const verb_text& text, std::function<int(const loaded_config&)> run);

  // The same for a verb that needs no configuration and knows none.
  CLI::App& add_plain_verb(const verb_text& text, std::function<int()> run);

  // A verb below another one, such as `dead list`.
  CLI::App& add_group(std::string_view name, std::string_view summary);
  CLI::App& add_verb_to(CLI::App& group, const verb_text& text,
                        std::function<int(const config&)> run);

  // All that can be typed.
  verb_entry reference() const;

  // What --help prints of a verb, by the words that are typed for it; none: of the program. Throws
  // usage_error when there is no such verb.
  std::string help(const std::vector<std::string>& words) const;

  // Parses and runs. Prints errors on stderr, one sentence each, and never throws. With `--json`
  // they are a problem document on stdout, too, unless the answer is there already.
  int run(int argc, const char* const* argv);

private:
  // One of the names that an option has or had.
  struct given_flag {
    std::string_view name; // of the table
    std::string value;
    CLI::Option* flag = nullptr;
  };

  struct verb {
    CLI::App* app = nullptr;
    std::function<int(const loaded_config&)> run;
    std::function<int()> run_plain; // instead
    std::string file;
    std::list<given_flag> flags;
  };

  verb& add_name(CLI::App& parent, const verb_text& text);
  CLI::App& add(CLI::App& parent, const verb_text& text,
                std::function<int(const loaded_config&)> run);
  static void add_option(verb& to, const option& what);
  static setting_list given_flags(const verb& chosen);
  int parse_and_run(int argc, const char* const* argv);
  int parse_and_catch(int argc, const char* const* argv);
  std::string explain(const CLI::ParseError& error) const;

  CLI::App app_;
  std::list<verb> verbs_; // addresses are stable: CLI11 writes into them
};

} // namespace ledgerd
