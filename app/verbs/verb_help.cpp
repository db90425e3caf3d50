#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/base/usage_error.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/reference.hpp"
#include "app/verbs/verbs.hpp"

namespace ledgerd {

namespace {

struct help_options {
  std::vector<std::string> verb;
  std::string directory;
  bool man = false;
  bool json = false;
};

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out{path, std::ios::binary};
  out << text << std::flush;
  if (!out)
    throw std::runtime_error{"cannot write " + path.string() + ": "
                             + std::generic_category().message(errno)};
}

// Where a package takes them from: man/, bash/, zsh/ and fish/.
void write_pages(const verb_entry& program, const std::filesystem::path& to) {
  for (const auto& page : man_pages(program, LEDGERD_VERSION))
    write_file(to / "man" / page.file, page.text);
  write_file(to / "bash" / "ledgerd", bash_completion(program));
  write_file(to / "zsh" / "_ledgerd", zsh_completion(program));
  write_file(to / "fish" / "ledgerd.fish", fish_completion(program));
}

void print_page(const verb_entry& program, const std::string& verb) {
  const auto page = man_page_of(program, LEDGERD_VERSION, verb);
  if (page.empty())
    throw usage_error{"there is no page about `" + shorten(verb) + "` (see --help)"};
  print_lines(page);
}

int run_help(const command_line& line, const help_options& options) {
  const auto program = line.reference();
  if (!options.directory.empty()) {
    write_pages(program, options.directory);
  } else if (options.json) {
    line.help(options.verb); // refuses what is none
    print_json(to_json(program));
  } else if (options.man) {
    print_page(program, options.verb.empty() ? "" : options.verb.front());
  } else {
    print_lines(line.help(options.verb));
  }
  return exit_code::done;
}

int run_completion(const command_line& line, const std::string& shell) {
  const auto program = line.reference();
  print_lines(shell == "bash"  ? bash_completion(program)
              : shell == "zsh" ? zsh_completion(program)
                               : fish_completion(program));
  return exit_code::done;
}

} // namespace

void add_help(command_line& line) {
  const auto options = std::make_shared<help_options>();
  auto& help =
      line.add_plain_verb({"help", "Explain a verb, as --help does, or as a page of the manual",
                           "ledgerd help dead list"},
                          [&line, options] { return run_help(line, *options); });
  help.add_option("VERB", options->verb, "The verb, and the one below it");
  help.add_flag("--man", options->man, "Print the page of the manual, for `man -l -`");
  help.add_flag("--json", options->json, "Print all verbs, flags and arguments as JSON");
  help.add_option("--write", options->directory,
                  "Write all pages of the manual and all completions below this directory")
      ->type_name("DIR");
}

void add_completion(command_line& line) {
  const auto shell = std::make_shared<std::string>();
  auto& completion =
      line.add_plain_verb({"completion", "Print what a shell sources to complete the command line",
                           "ledgerd completion bash >/etc/bash_completion.d/ledgerd"},
                          [&line, shell] { return run_completion(line, *shell); });
  completion.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

} // namespace ledgerd
