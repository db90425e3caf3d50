// What the program offers on its command line, as plain values: the one source of the man pages,
// the completions and `ledgerd help --json`. Read from the definitions that parse the command line,
// so that none of them can say something else. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

struct flag_entry {
  std::vector<std::string> names; // with their dashes, the short one first: -h, --help
  std::string unit;               // what its value looks like; empty: it takes none
  std::string help;
  std::vector<std::string> choices; // all values there are; empty: not a choice
  bool configuration = false;       // also a variable and a key of the file

  bool takes_path() const noexcept { return unit == "PATH" || unit == "DIR"; }
};

// What is typed without a flag: `ledgerd trace RECORD_ID`.
struct word_entry {
  std::string name;
  std::string help;
  std::vector<std::string> choices;
  bool required = true;
};

struct verb_entry {
  std::string name; // as typed after those above it: list; the program's own name at the top
  std::string summary;
  std::string example; // empty for a group
  std::vector<flag_entry> flags;
  std::vector<word_entry> words;
  std::vector<verb_entry> verbs; // below this one
};

nlohmann::ordered_json to_json(const verb_entry& verb);

// A page for each verb of the top, and one for the program: its name (ledgerd-dead.1) and its text,
// in the macros of man(7).
struct man_page {
  std::string file;
  std::string text;
};
std::vector<man_page> man_pages(const verb_entry& program, std::string_view version);

// The page of the program (empty `verb`) or of a verb of the top; empty when there is none.
std::string man_page_of(const verb_entry& program, std::string_view version, std::string_view verb);

// What a shell sources to complete the command line.
std::string bash_completion(const verb_entry& program);
std::string zsh_completion(const verb_entry& program);
std::string fish_completion(const verb_entry& program);

} // namespace ledgerd
