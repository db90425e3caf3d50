#include "app/config/config.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <map>
#include <regex>
#include <set>
#include <unistd.h>

#include "app/base/text.hpp"
#include "app/config/bearer_tokens.hpp"
#include "app/config/broker_setters.hpp"
#include "app/config/config_file.hpp"
#include "app/config/machine.hpp"
#include "app/config/names_section.hpp"
#include "app/config/options.hpp"
#include "app/config/secret_file.hpp"
#include "app/config/shown_settings.hpp"

extern char** environ; // NOLINT(readability-redundant-declaration)

namespace ledgerd {

namespace {

constexpr std::string_view variable_prefix = "LEDGERD_";
constexpr std::string_view config_variable = "LEDGERD_CONFIG";
constexpr std::string_view redacted = "<redacted>";
constexpr std::string_view password_parameter = "password="; // sslpassword= ends with it

std::string default_node_name() {
  char host[256] = "node";
  if (gethostname(host, sizeof host - 1) != 0)
    std::strcpy(host, "node");
  std::string name{host};
  for (auto& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_')
      c = '-';
  return name.substr(0, 48) + "-" + std::to_string(getpid());
}

// The secret option that a `-file` option fills.
std::string_view target_of(const option& file_option) {
  return file_option.name.substr(0, file_option.name.size() - std::string_view{"-file"}.size());
}

bool carries_secret(std::string_view url) {
  return redact_url(url) != url;
}

// One place where settings come from, and how it spells an option's name.
struct source {
  std::string_view place; // how a sentence names it; may be empty
  std::string (*spell)(std::string_view option_name);
  bool refuses_secrets;
  bool shared = false;               // with other programs: what is unknown is no fault
  const config_file* file = nullptr; // that it is

  std::string line_of(std::string_view key) const {
    return file == nullptr ? std::string() : file->line_of(key);
  }
};

std::string spell_flag(std::string_view name) {
  return "--" + std::string{name};
}
std::string spell_key(std::string_view name) {
  return std::string{name};
}

// Whether Kubernetes sets such a variable for a service whose name begins with `ledgerd`.
bool is_service_link(const std::string& variable, const std::string& value) {
  static const std::regex names{"LEDGERD_([A-Z0-9_]+_)?"
                                "(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT"
                                "|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"};
  static const std::regex address{"(tcp|udp|sctp)://.*"};
  constexpr std::size_t bytes_max = 256; // the library's regular expressions recurse
  if (variable.size() > bytes_max || value.size() > bytes_max || !std::regex_match(variable, names))
    return false;
  return variable.ends_with("_SERVICE_PORT") || !variable.ends_with("_PORT")
         || variable.find("_PORT_") != std::string::npos || std::regex_match(value, address);
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

class loader {
public:
  explicit loader(unsigned processors)
      : processors_(processors > 0 ? processors : usable_processors()) {
    result_.value.node_name = default_node_name();
  }

  // `given` holds option names in the table's spelling.
  void apply(const source& from, const setting_list& given) {
    std::set<std::string_view> filled;
    for (const auto& [name, text] : given) {
      const auto* found = find_option(name);
      if (found == nullptr) {
        if (!from.shared)
          unknown(from, name);
        else if (!is_service_link(from.spell(name), text))
          result_.warnings.push_back(not_known(from, name) + "; it is ignored");
        continue;
      }
      const auto target = found->kind == option_kind::file ? target_of(*found) : found->name;
      if (!filled.insert(target).second)
        fault(from, from.spell(target) + " is given twice" + by_two_names(from, *found), name);
      else
        set(from, *found, text, name);
    }
  }

  // `key`: that it is about; empty: the whole source.
  void fault(const source& from, const std::string& sentence, std::string_view key = {}) {
    result_.faults.push_back(
        (from.place.empty() ? "" : std::string{from.place} + from.line_of(key) + ": ") + sentence);
  }

  void unknown(const source& from, std::string_view name) {
    fault(from, not_known(from, name), name);
  }

  // The keys of the section [names], which only a file has.
  void take_names(const source& from, const setting_list& given) {
    for (const auto& [key, value] : given) {
      if (set_name(result_.value.names, key, value))
        continue;
      const auto close = nearest(key, names_keys());
      fault(from,
            "`" + escape_controls(shorten(key, 80)) + "` is not known in [names]"
                + (close ? "; did you mean `" + *close + "`?" : ""),
            "names." + key);
    }
    names_file_ = from.place;
    for (const auto& each : given)
      names_places_[each.first] = std::string{from.place} + from.line_of("names." + each.first);
  }

  static std::string not_known(const source& from, std::string_view name) {
    std::vector<std::string> names;
    for (const auto& known : options())
      names.emplace_back(known.name);
    // Without the prefix that all variables have: it makes short names look alike.
    const auto close = nearest(name, names);
    return "`" + escape_controls(shorten(from.spell(name), 80)) + "` is not known"
           + (close ? "; did you mean `" + from.spell(*close) + "`?" : "");
  }

  loaded_config finish() {
    auto& value = result_.value;
    derive_what_is_left();
    if (value.ack_wait <= value.shutdown_deadline)
      result_.faults.push_back("ack-wait (" + format_duration(value.ack_wait)
                               + ") must be longer than shutdown-deadline ("
                               + format_duration(value.shutdown_deadline)
                               + "), or messages in flight at a shutdown are delivered again");
    if (value.batch_max > value.max_in_flight)
      value.batch_max = value.max_in_flight;
    check_access();
    for (auto& fault : broker_faults(value))
      result_.faults.push_back(std::move(fault));
    for (auto& fault : names_faults(value))
      result_.faults.push_back(place_of_name(fault) + fault);
    settle_shadow();
    if (value.account_database_url.empty()) {
      value.account_database_url = value.database_url;
      value.account_database_url_file = value.database_url_file;
    }
    return std::move(result_);
  }

private:
  // Where the name stands that a rule of [names] is about, or another one that was given there.
  std::string place_of_name(std::string_view fault) const {
    constexpr std::string_view begin = "[names] ";
    if (names_places_.empty())
      return {};
    const auto key = fault.starts_with(begin)
                         ? fault.substr(begin.size(), fault.find(' ', begin.size()) - begin.size())
                         : std::string_view{};
    const auto found = names_places_.find(key);
    return (found != names_places_.end() ? found->second : names_file_) + ": ";
  }

  // In one source a setting stands once, whatever it is called there.
  static std::string by_two_names(const source& from, const option& what) {
    if (what.kind == option_kind::file)
      return ", as a value and as a file";
    return what.former.empty() ? "" : "; " + from.spell(what.former) + " is its former name";
  }

  void settle_shadow() {
    auto& value = result_.value;
    if (!value.shadow)
      return;
    if (given_.contains("roles") && value.has_role(role::account))
      result_.faults.emplace_back(
          "shadow goes with the role ledger alone: what it took in would be published; leave out "
          "roles");
    value.roles = {role::ledger};
    // Its rows have no results that the daemon's own audit could ask for.
    value.audit_interval = std::chrono::milliseconds{0};
    value.derived.push_back({"audit-interval", "of a shadow"});
  }

  void check_access() {
    const auto& value = result_.value;
    if (value.http_tls_cert_file.empty() != value.http_tls_key_file.empty())
      result_.faults.emplace_back("http-tls-cert-file and http-tls-key-file belong together");
    if (value.http_token_file.empty()) {
      if (!value.listens_locally())
        result_.faults.push_back("http-listen (" + find_option("http-listen")->show(value)
                                 + ") is not a loopback address: listening beyond loopback needs "
                                   "bearer tokens, so give http-token-file");
      return;
    }
    for (const auto& rule : read_token_file(value.http_token_file).faults)
      result_.faults.push_back("http-token-file " + rule);
  }

  void set(const source& from, const option& what, const std::string& text, std::string_view key) {
    if (from.refuses_secrets && what.kind == option_kind::secret && carries_secret(text)) {
      fault(from,
            from.spell(what.name)
                + " must not carry a password or token on the command line, where other users "
                  "can read it: use "
                + variable_name(what.name) + " or " + from.spell(what.name) + "-file",
            key);
      return;
    }
    auto changed = result_.value;
    if (const auto rule = what.set(changed, text); !rule.empty())
      return fault(from, from.spell(what.name) + " " + rule + shown(what, text), key);
    result_.value = std::move(changed);
    given_.insert(what.name);
  }

  void derive_what_is_left() {
    auto& value = result_.value;
    const auto engine = derive_engine(processors_, value.memory_max);
    const auto why = "derived from " + std::to_string(processors_)
                     + (processors_ == 1 ? " processor" : " processors");
    const auto derive = [&](std::string_view name, auto member, const std::string& from) {
      if (given_.contains(name))
        return;
      value.*member = engine.*member;
      value.derived.push_back({name, from});
    };
    if (value.scheduler_threads == 0) // given, and means the same
      given_.erase("scheduler-threads");
    derive("fetchers", &engine_settings::fetchers, why);
    derive("gates", &engine_settings::gates, why);
    derive("scheduler-threads", &engine_settings::scheduler_threads, why);
    derive("max-in-flight", &engine_settings::max_in_flight,
           why + " and " + find_option("memory-max")->show(value) + " of memory");
  }

  // The offending value, unless it may hold a secret.
  static std::string shown(const option& what, const std::string& text) {
    if (what.kind == option_kind::secret)
      return {};
    return ", not `" + escape_controls(text.substr(0, 80)) + "`";
  }

  const unsigned processors_;
  std::set<std::string_view> given_;                             // by their present names
  std::string names_file_;                                       // where [names] stands
  std::map<std::string, std::string, std::less<>> names_places_; // FILE:LINE by key
  loaded_config result_;
};

bool holds_secret(const setting_list::value_type& setting) {
  const auto* known = find_option(setting.first);
  return known != nullptr && known->kind == option_kind::secret && carries_secret(setting.second);
}

// `named_by`: the end of a sentence.
void apply_file(loader& load, const std::string& path, const std::string& named_by) {
  const auto given = read_config_file(path);
  const source whole{path, spell_key, false};
  if (!given.unread.empty())
    return load.fault(whole, given.unread + named_by);
  const source file{path, spell_key, false, false, &given};
  const auto broken = path + given.broken;
  for (const auto& each : given.faults)
    load.fault(each.key.empty() ? source{broken, spell_key, false} : file, each.sentence, each.key);
  load.take_names(file, given.names);
  if (std::any_of(given.settings.begin(), given.settings.end(), holds_secret))
    if (const auto rule = judge_secret_file(path); !rule.empty())
      load.fault(whole, "the file " + rule);
  load.apply(file, given.settings);
}

setting_list rename_variables(const setting_list& environment) {
  setting_list renamed;
  for (const auto& [variable, value] : environment) {
    if (variable == config_variable || is_blank(value))
      continue;
    auto name = variable.substr(std::min(variable.size(), variable_prefix.size()));
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c == '_' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    renamed.emplace_back(name, value);
  }
  return renamed;
}

// Replaces the user part up to the last @, wherever that stands: rather too much than a part of a
// password that holds a slash or a question mark itself.
std::string redact_one_url(std::string result) {
  const auto scheme = result.find("://");
  const auto at = result.rfind('@');
  if (scheme != std::string::npos && at != std::string::npos && at > scheme) {
    const auto begin = scheme + 3;
    const auto colon = result.find(':', begin);
    // A bare user name of a database is no secret; a bare user part of NATS is a token.
    if (!result.starts_with("postgres"))
      result.replace(begin, at - begin, redacted);
    else if (colon < at)
      result.replace(colon + 1, at - colon - 1, redacted);
  }
  for (auto found = result.find(password_parameter); found != std::string::npos;
       found = result.find(password_parameter, found + 1)) {
    const auto begin = found + password_parameter.size();
    const auto end = std::min(result.find_first_of("& ", begin), result.size());
    result.replace(begin, end - begin, redacted);
  }
  return result;
}

std::string toml_string(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 0x7f) {
      result.append("\\u00").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
      continue;
    }
    if (c == '"' || c == '\\')
      result += '\\';
    result += c;
  }
  return result + '"';
}

std::string needs_ledger(const database_settings& value, const char* who) {
  return std::string{"database-url is required: set LEDGERD_DATABASE_URL or give "
                     "--database-url-file or --database-url"}
         + who
         + (value.account_database_url.empty()
                ? ""
                : "; a node without the ledger is started with --roles account");
}

// Whether TOML writes it the same way: a name of digits alone may begin with zeros.
bool is_toml_integer(const std::string& text) {
  const auto number = parse_integer(text, 0, INT64_MAX);
  return number && std::to_string(*number) == text;
}

} // namespace

std::string redact_url(std::string_view url) {
  std::string result;
  while (!url.empty()) {
    // Several NATS URLs stand in one value; a comma elsewhere belongs to the URL.
    const auto end = std::min({url.find(",nats://"), url.find(",tls://"), url.size()});
    result += (result.empty() ? "" : ",") + redact_one_url(std::string{url.substr(0, end)});
    url.remove_prefix(std::min(end + 1, url.size()));
  }
  return result;
}

setting_list ledgerd_environment() {
  setting_list found;
  std::set<std::string_view> names; // of equal names the first counts, as for getenv
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text{*variable};
    const auto equals = text.find('=');
    if (text.starts_with(variable_prefix) && equals != std::string_view::npos
        && names.insert(text.substr(0, equals)).second)
      found.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

loaded_config load_config(const config_sources& sources) {
  loader load{sources.processors};
  auto path = sources.file;
  std::string named_by;
  for (const auto& [variable, value] : sources.environment)
    if (variable == config_variable && path.empty() && !is_blank(value)) {
      path = value;
      named_by = ", named by " + std::string{config_variable};
    }
  if (!path.empty())
    apply_file(load, path, named_by);
  load.apply({"", variable_name, false, true}, rename_variables(sources.environment));
  load.apply({"", spell_flag, true}, sources.flags);
  auto result = load.finish();
  result.value.sources = sources;
  return result;
}

setting_list shown_settings(const config& value) {
  setting_list shown;
  for (const auto& item : options()) {
    if (item.kind == option_kind::file)
      continue;
    auto text = item.show(value);
    if (text.empty()) // nothing is set
      continue;
    shown.emplace_back(item.name, item.kind == option_kind::secret ? redact_url(text) : text);
  }
  return shown;
}

std::string print_config(const config& value) {
  std::string result;
  for (const auto& [name, text] : shown_settings(value)) {
    const bool bare = find_option(name)->kind == option_kind::flag || is_toml_integer(text);
    result += name + " = " + (bare ? text : toml_string(text)) + "\n";
  }
  result += "\n[names]\n";
  for (const auto& [key, name] : shown_names(value.names))
    result += key + " = " + toml_string(name) + "\n";
  return result;
}

bool config::has_role(role which) const noexcept {
  return std::find(roles.begin(), roles.end(), which) != roles.end();
}

bool http_settings::listens_locally() const noexcept {
  if (!http_listen)
    return true;
  in_addr four{};
  in6_addr six{};
  const auto* host = http_listen->host.c_str();
  if (inet_pton(AF_INET, host, &four) == 1)
    return ntohl(four.s_addr) >> 24 == 127;
  return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

std::string missing_database(const config& value) {
  if (value.has_role(role::ledger) && value.database_url.empty())
    return needs_ledger(value, "; the role ledger needs it");
  if (value.has_role(role::account) && value.records_url().empty())
    return "account-database-url is required: set LEDGERD_ACCOUNT_DATABASE_URL or "
           "LEDGERD_DATABASE_URL, or give --account-database-url-file, --account-database-url or "
           "the same for database-url; the role account needs it";
  return {};
}

void require_database(const config& value) {
  if (const auto rule = missing_database(value); !rule.empty())
    throw usage_error{rule};
}

void require_ledger_database(const database_settings& value) {
  if (value.database_url.empty())
    throw usage_error{needs_ledger(value, "")};
}

} // namespace ledgerd
