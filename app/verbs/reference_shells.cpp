// The completions. Each walks the verbs in the shape that its shell knows; what is offered is the
// same: verbs, flags of the verb, values where all are known, files where a path is wanted.
#include <functional>
#include <map>
#include <string>

#include "app/verbs/reference.hpp"

namespace ledgerd {

namespace {

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string result;
  for (const auto& word : words)
    result += (result.empty() ? "" : std::string{between}) + word;
  return result;
}

std::vector<std::string> names_of(const std::vector<verb_entry>& verbs) {
  std::vector<std::string> names;
  for (const auto& each : verbs)
    names.push_back(each.name);
  return names;
}

std::vector<std::string> flags_of(const verb_entry& verb) {
  std::vector<std::string> names;
  for (const auto& flag : verb.flags)
    names.insert(names.end(), flag.names.begin(), flag.names.end());
  return names;
}

// `text` with a backslash before each of `special`.
std::string escaped(std::string_view text, std::string_view special) {
  std::string result;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos)
      result += '\\';
    result += c;
  }
  return result;
}

// For bash and zsh, between single quotes: a quote ends them, stands alone, and begins new ones.
std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text)
    result += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return result + "'";
}

// The help up to its first clause: a line of a menu, not a manual.
std::string brief(std::string_view help) {
  return std::string{help.substr(0, help.find_first_of(";["))};
}

using path_visitor = std::function<void(const std::string& path, const verb_entry& verb)>;

// Every verb with its path: "", "/run", "/dead", "/dead/list".
void walk(const verb_entry& verb, const std::string& path, const path_visitor& visit) {
  visit(path, verb);
  for (const auto& below : verb.verbs)
    walk(below, path + "/" + below.name, visit);
}

constexpr const char* bash_begin =
    R"(# Completes ledgerd in bash. Made by `ledgerd completion bash`.
_ledgerd() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path='' word i
  local words='' flags=''
  # --flag=value comes as three words.
  if [[ $current == '=' ]]; then
    current=''
  elif [[ $previous == '=' ]]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $path/$word in
)";

constexpr const char* bash_end = R"(  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}
complete -F _ledgerd ledgerd
)";

// What follows a flag with a value, by what is done for it.
std::map<std::string, std::vector<std::string>> bash_values(const verb_entry& program) {
  std::map<std::string, std::vector<std::string>> by_action;
  walk(program, "", [&](const std::string& path, const verb_entry& verb) {
    for (const auto& flag : verb.flags) {
      if (flag.unit.empty())
        continue;
      const std::string action =
          !flag.choices.empty() ? "mapfile -t COMPREPLY < <(compgen -W '"
                                      + joined(flag.choices, " ") + "' -- \"$current\")"
          : flag.takes_path() ? "mapfile -t COMPREPLY < <(compgen -f -- \"$current\")"
                              : "COMPREPLY=()";
      for (const auto& name : flag.names)
        by_action[action].push_back("'" + path + " " + name + "'");
    }
  });
  return by_action;
}

// One menu entry of zsh's _arguments: '--gates=[help]:N:action'.
std::string zsh_flag(const flag_entry& flag, const std::string& name) {
  const auto help = escaped(brief(flag.help), "[]:\\");
  if (flag.unit.empty())
    return in_quotes(name + "[" + help + "]");
  const auto action = !flag.choices.empty() ? "(" + joined(flag.choices, " ") + ")"
                      : flag.takes_path()   ? "_files"
                                            : " ";
  return in_quotes(name + "=[" + help + "]:" + escaped(flag.unit, ":[]\\") + ":" + action);
}

void zsh_function(std::string& text, const std::string& name, const verb_entry& verb) {
  text += name + "() {\n";
  if (!verb.verbs.empty()) {
    text += "  local -a verbs=(\n";
    for (const auto& below : verb.verbs)
      text += "    " + in_quotes(below.name + ":" + escaped(brief(below.summary), ":\\")) + "\n";
    text += "  )\n  local context state line\n  typeset -A opt_args\n";
  }
  text += "  _arguments -C";
  for (const auto& flag : verb.flags)
    for (const auto& each : flag.names)
      text += " \\\n    " + zsh_flag(flag, each);
  if (verb.verbs.empty()) {
    for (const auto& word : verb.words)
      text += " \\\n    "
              + in_quotes(std::string{word.required ? ":" : "::"} + word.name + ":"
                          + (word.choices.empty() ? " " : "(" + joined(word.choices, " ") + ")"));
    text += "\n}\n";
    return;
  }
  text += " \\\n    '1: :->verb' '*:: :->rest'\n  case $state in\n"
          "    verb) _describe -t verbs verb verbs ;;\n    rest)\n      case $line[1] in\n";
  for (const auto& below : verb.verbs)
    text += "        " + below.name + ") " + name + "_" + below.name + " ;;\n";
  text += "      esac ;;\n  esac\n}\n";
  for (const auto& below : verb.verbs)
    zsh_function(text, name + "_" + below.name, below);
}

// In fish's single quotes only these two are special.
std::string fish_quoted(std::string_view text) {
  return "'" + escaped(text, "\\'") + "'";
}

void fish_verb(std::string& text, const std::string& condition, const verb_entry& verb) {
  const auto begin = "complete -c ledgerd -n " + fish_quoted(condition);
  for (const auto& flag : verb.flags) {
    text += begin;
    for (const auto& name : flag.names)
      text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (!flag.choices.empty())
      text += " -x -a " + fish_quoted(joined(flag.choices, " "));
    else if (!flag.unit.empty())
      text += flag.takes_path() ? " -r -F" : " -x";
    text += " -d " + fish_quoted(brief(flag.help)) + "\n";
  }
  for (const auto& word : verb.words)
    if (!word.choices.empty())
      text += begin + " -a " + fish_quoted(joined(word.choices, " ")) + "\n";
}

} // namespace

std::string bash_completion(const verb_entry& program) {
  std::string text = bash_begin;
  std::vector<std::string> paths;
  std::string offers;
  const auto add = [&](const std::string& path, const std::vector<std::string>& words,
                       const verb_entry& flags_from) {
    if (!path.empty())
      paths.push_back(path);
    offers += "    '" + path + "')\n      words='" + joined(words, " ") + "'\n      flags='"
              + joined(flags_of(flags_from), " ") + "' ;;\n";
  };
  walk(program, "", [&](const std::string& path, const verb_entry& verb) {
    auto words = names_of(verb.verbs);
    for (const auto& word : verb.words)
      words.insert(words.end(), word.choices.begin(), word.choices.end());
    add(path, words, verb);
    // A verb below another one is explained, too.
    if (path == "/help")
      for (const auto& group : program.verbs)
        if (!group.verbs.empty())
          add(std::string{"/help/"}.append(group.name), names_of(group.verbs), verb);
  });
  text += "      " + joined(paths, " | ") + ") path=$path/$word ;;\n    esac\n  done\n";
  text += "  case \"$path $previous\" in\n";
  for (const auto& [action, flags] : bash_values(program))
    text += "    " + joined(flags, " | ") + ")\n      " + action + "\n      return ;;\n";
  return text + "  esac\n  case $path in\n" + offers + bash_end;
}

std::string zsh_completion(const verb_entry& program) {
  std::string text =
      "#compdef ledgerd\n# Completes ledgerd in zsh. Made by `ledgerd completion zsh`.\n";
  zsh_function(text, "_ledgerd", program);
  return text + "_ledgerd \"$@\"\n";
}

std::string fish_completion(const verb_entry& program) {
  std::string text = "# Completes ledgerd in fish. Made by `ledgerd completion fish`.\n"
                     "complete -c ledgerd -f\n";
  const auto offer = [&](const std::string& condition, const verb_entry& verb) {
    text += "complete -c ledgerd -n " + fish_quoted(condition) + " -a " + verb.name + " -d "
            + fish_quoted(brief(verb.summary)) + "\n";
  };
  constexpr const char* seen = "__fish_seen_subcommand_from ";
  fish_verb(text, "__fish_use_subcommand", program);
  for (const auto& verb : program.verbs) {
    offer("__fish_use_subcommand", verb);
    const auto at_verb = seen + verb.name;
    fish_verb(text, at_verb, verb);
    const auto below_names = joined(names_of(verb.verbs), " ");
    for (const auto& below : verb.verbs) {
      offer(at_verb + "; and not " + seen + below_names, below);
      fish_verb(text, at_verb + "; and " + seen + below.name, below);
    }
  }
  return text;
}

} // namespace ledgerd
