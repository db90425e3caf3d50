#include <algorithm>
#include <string>

#include "app/verbs/reference.hpp"

namespace ledgerd {

namespace {

// Text as it is, whatever roff would make of it: a hyphen that can be copied, no escapes, no
// requests.
std::string roff(std::string_view text) {
  std::string result;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\''))
      result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
    line_begins = c == '\n';
  }
  return result;
}

std::string upper(std::string_view text) {
  std::string result{text};
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return result;
}

std::string head(std::string_view page, std::string_view version, std::string_view summary) {
  return ".TH " + upper(page) + " 1 \"\" \"ledgerd " + std::string{version}
         + "\" \"User Commands\"\n.SH NAME\n" + roff(page) + " \\- " + roff(summary) + "\n";
}

std::string item(const std::string& tag, std::string_view text) {
  return ".TP\n" + tag + "\n" + roff(text) + "\n";
}

std::string bold(std::string_view text) {
  return "\\fB" + roff(text) + "\\fR";
}

std::string emphasised(std::string_view text) {
  return "\\fI" + roff(text) + "\\fR";
}

std::string flag_tag(const flag_entry& flag) {
  std::string tag;
  for (const auto& name : flag.names)
    tag += (tag.empty() ? "" : ", ") + bold(name);
  return flag.unit.empty() ? tag : tag + " " + emphasised(flag.unit);
}

std::string synopsis(const std::string& command, const verb_entry& verb) {
  auto line = bold(command);
  for (const auto& word : verb.words)
    line += word.required ? " " + emphasised(word.name) : " [" + emphasised(word.name) + "]";
  if (!verb.verbs.empty())
    line += " " + emphasised("VERB");
  return line + " [" + emphasised("FLAGS") + "]\n";
}

std::string flag_items(const verb_entry& verb, bool configuration) {
  std::string text;
  for (const auto& flag : verb.flags)
    if (flag.configuration == configuration)
      text += item(flag_tag(flag), flag.help);
  return text;
}

// Words, flags and the example of one verb, each under a heading of its own.
std::string details(const verb_entry& verb, const char* heading) {
  std::string text;
  const auto part = [&](std::string_view title, const std::string& items) {
    if (!items.empty())
      text += std::string{heading} + " " + std::string{title} + "\n" + items;
  };
  std::string words;
  for (const auto& word : verb.words)
    words += item(emphasised(word.name), word.help);
  part("ARGUMENTS", words);
  part("FLAGS", flag_items(verb, false));
  const auto configuration = flag_items(verb, true);
  part("CONFIGURATION", configuration.empty()
                            ? ""
                            : "Each is also a variable, such as " + bold("LEDGERD_NATS_URL")
                                  + " for " + bold("--nats-url") + ", and a key of the file.\n"
                                  + configuration);
  if (!verb.example.empty())
    part("EXAMPLE", ".nf\n" + roff(verb.example) + "\n.fi\n");
  return text;
}

std::string verb_page(const verb_entry& verb, std::string_view version) {
  const auto command = "ledgerd " + verb.name;
  auto text = head("ledgerd-" + verb.name, version, verb.summary) + ".SH SYNOPSIS\n";
  if (verb.verbs.empty())
    text += synopsis(command, verb);
  for (const auto& below : verb.verbs)
    text += (&below == &verb.verbs.front() ? "" : ".br\n")
            + synopsis(command + " " + below.name, below);
  text += ".SH DESCRIPTION\n" + roff(verb.summary) + ".\n";
  text += details(verb, ".SH");
  for (const auto& below : verb.verbs)
    text += ".SH " + upper(command + " " + below.name) + "\n" + roff(below.summary) + ".\n"
            + details(below, ".SS");
  return text + ".SH SEE ALSO\n" + bold("ledgerd") + "(1)\n";
}

constexpr const char* conventions =
    ".SH CONFIGURATION\n"
    "Options come from flags, from environment variables (\\fB\\-\\-nats\\-url\\fR is\n"
    "\\fBLEDGERD_NATS_URL\\fR) and from the TOML file that \\fB\\-\\-config\\fR or "
    "\\fBLEDGERD_CONFIG\\fR\nnames, in this order of precedence.\n"
    "A key that is not known is an error. Secrets come from files or the environment only.\n"
    ".SH EXIT STATUS\n"
    ".TP\n\\fB0\\fR\ndone\n"
    ".TP\n\\fB1\\fR\nthe answer is no: something was found, refused, undecided or is not there\n"
    ".TP\n\\fB2\\fR\nwrong usage\n"
    ".TP\n\\fB3\\fR\nit cannot start, or a server that is needed is away\n"
    ".TP\n\\fB70\\fR\na bug\n"
    ".SH SIGNALS\n"
    "Of \\fBledgerd run\\fR:\n"
    ".TP\n\\fBSIGTERM\\fR, \\fBSIGINT\\fR\ndrain and end; a second one ends at once\n"
    ".TP\n\\fBSIGHUP\\fR\nread tokens and log level again\n"
    ".TP\n\\fBSIGUSR1\\fR\nwrite the metrics of the actors into the log\n";

std::string program_page(const verb_entry& program, std::string_view version) {
  auto text = head(program.name, version, program.summary) + ".SH SYNOPSIS\n"
              + synopsis(program.name, program) + ".SH DESCRIPTION\n" + roff(program.summary)
              + "\n.SH VERBS\n";
  for (const auto& verb : program.verbs)
    text += item("\\fBledgerd\\-" + roff(verb.name) + "\\fR(1)", verb.summary);
  text += details(program, ".SH") + conventions + ".SH SEE ALSO\n";
  for (const auto& verb : program.verbs)
    text += bold("ledgerd-" + verb.name) + "(1)" + (&verb == &program.verbs.back() ? "\n" : ",\n");
  return text;
}

} // namespace

std::vector<man_page> man_pages(const verb_entry& program, std::string_view version) {
  std::vector<man_page> pages{{program.name + ".1", program_page(program, version)}};
  for (const auto& verb : program.verbs)
    pages.push_back({program.name + "-" + verb.name + ".1", verb_page(verb, version)});
  return pages;
}

std::string man_page_of(const verb_entry& program, std::string_view version,
                        std::string_view verb) {
  const auto file = program.name + (verb.empty() ? std::string{} : "-" + std::string{verb}) + ".1";
  for (auto& page : man_pages(program, version))
    if (page.file == file)
      return std::move(page.text);
  return {};
}

} // namespace ledgerd
