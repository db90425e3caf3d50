// The one table of options that flags, environment variables and the configuration file share.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "app/config/config.hpp"

namespace ledgerd {

// Which verbs take an option as a flag. Environment and file may hold every option for every verb.
enum class option_scope {
  connection, // every verb
  daemon,     // verbs that run the whole engine
};

enum class option_kind {
  value,
  flag,   // true or false; `--name` alone means true
  secret, // a URL that may carry a password: refused on the command line when it does, never
          // printed
  file,   // the path of a file that holds a secret option's value (`--x-file` for `--x`)
};

struct option {
  std::string_view name; // max-in-flight: the flag --max-in-flight, LEDGERD_MAX_IN_FLIGHT,
                         // max-in-flight in the file
  std::string_view unit; // what the value looks like, for --help
  std::string_view help;
  option_scope scope;
  option_kind kind;
  // Stores the value; returns the rule that it breaks, as the end of a sentence, or an empty
  // string.
  std::string (*set)(config&, std::string_view text);
  // The present value as text that `set` reads; nothing to show for kind `file`.
  std::string (*show)(const config&);
  // The name that it had before, which is still read wherever the present one is, but never shown;
  // empty: none.
  std::string_view former = {};
};

std::span<const option> options();

// The option that has or had this name, or nullptr.
const option* find_option(std::string_view name);

// LEDGERD_MAX_IN_FLIGHT for max-in-flight.
std::string variable_name(std::string_view option_name);

} // namespace ledgerd
