#include "app/config/options.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include "app/base/text.hpp"
#include "app/config/broker_setters.hpp"
#include "app/config/memory_budget.hpp"
#include "app/config/secret_file.hpp"

namespace ledgerd {

namespace {

using std::chrono::milliseconds;

// --- setters and showers by type; each returns the rule that is broken, or ""

template <auto Member, std::int64_t Low, std::int64_t High>
std::string set_integer(config& c, std::string_view text) {
  const auto value = parse_integer(text, Low, High);
  if (!value)
    return "must be an integer from " + std::to_string(Low) + " to " + std::to_string(High);
  c.*Member = static_cast<std::remove_reference_t<decltype(c.*Member)>>(*value);
  return {};
}

template <auto Member>
std::string show_integer(const config& c) {
  return std::to_string(c.*Member);
}

template <auto Member, std::int64_t LowMs, std::int64_t HighMs>
std::string set_duration(config& c, std::string_view text) {
  const auto value = parse_duration(text);
  if (!value || value->count() < LowMs || value->count() > HighMs)
    return "must be a duration such as 500ms, 2s or 1m, from "
           + format_duration(milliseconds{LowMs}) + " to " + format_duration(milliseconds{HighMs});
  c.*Member = *value;
  return {};
}

template <auto Member>
std::string show_duration(const config& c) {
  return format_duration(c.*Member);
}

template <auto Member, std::size_t LowMb, std::size_t HighMb>
std::string set_bytes(config& c, std::string_view text) {
  const bool giga = text.ends_with("GB");
  const auto count = giga || text.ends_with("MB")
                         ? parse_integer(text.substr(0, text.size() - 2), 1, HighMb)
                         : std::nullopt;
  const auto megabytes = count ? static_cast<std::size_t>(*count) * (giga ? 1024 : 1) : 0;
  if (megabytes < LowMb || megabytes > HighMb)
    return "must be a size such as 256MB or 1GB, from " + std::to_string(LowMb) + "MB to "
           + std::to_string(HighMb) + "MB";
  c.*Member = megabytes << 20;
  return {};
}

template <auto Member>
std::string show_bytes(const config& c) {
  return std::to_string((c.*Member) >> 20) + "MB";
}

template <auto Member>
std::string set_bool(config& c, std::string_view text) {
  if (text != "true" && text != "false")
    return "must be true or false";
  c.*Member = text == "true";
  return {};
}

template <auto Member>
std::string show_bool(const config& c) {
  return c.*Member ? "true" : "false";
}

template <auto Member>
std::string show_text(const config& c) {
  return c.*Member;
}

// --- setters with a rule of their own

template <auto Member, auto File>
std::string set_database_url(config& c, std::string_view text) {
  if (!text.starts_with("postgresql://") && !text.starts_with("postgres://"))
    return "must be a URL such as postgresql://user@127.0.0.1:5432/ledgerd";
  if (text.find_first_of(" \t\r\n") != std::string_view::npos)
    return "must not contain blanks";
  c.*Member = text;
  (c.*File).clear();
  return {};
}

// Reads a file that holds one line and stores it with `Set`.
template <auto Set>
std::string set_from_file(config& c, std::string_view path) {
  std::ifstream file{std::string{path}};
  std::string line;
  if (!file || !std::getline(file, line))
    return "must name a readable file whose first line is the URL";
  line.erase(line.find_last_not_of(" \t\r\n") + 1);
  if (const auto rule = Set(c, line); !rule.empty())
    return "names a file whose first line " + rule;
  return redact_url(line) == line ? std::string{} : judge_secret_file(std::string{path});
}

template <auto Member, auto File>
std::string set_database_url_file(config& c, std::string_view path) {
  auto rule = set_from_file<set_database_url<Member, File>>(c, path);
  if (rule.empty())
    c.*File = path;
  return rule;
}

std::string set_nats_url_file(config& c, std::string_view path) {
  auto rule = set_from_file<set_nats_url>(c, path);
  if (rule.empty())
    c.nats_url_file = path;
  return rule;
}

std::string show_nothing(const config&) {
  return {};
}

// A file that a library reads: only whether it can be read.
template <auto Member>
std::string set_readable_file(config& c, std::string_view path) {
  if (access(std::string{path}.c_str(), R_OK) != 0)
    return "must name a readable file";
  c.*Member = path;
  return {};
}

template <auto Member>
std::string set_secret_path(config& c, std::string_view path) {
  if (auto rule = judge_secret_file(std::string{path}); !rule.empty())
    return rule;
  c.*Member = path;
  return {};
}

// Nobody is there who could be asked for a passphrase.
template <auto Member>
std::string set_tls_key_file(config& c, std::string_view path) {
  std::string rule;
  const auto text = read_secret_file(std::string{path}, std::size_t{1} << 20, rule);
  if (!rule.empty())
    return rule;
  if (text.find("PRIVATE KEY-----") == std::string::npos
      || text.find("ENCRYPTED") != std::string::npos)
    return "must name a file with a private key (PEM) that has no passphrase";
  c.*Member = path;
  return {};
}

std::string set_http_token_file(config& c, std::string_view path) {
  if (path.empty())
    return "must name a file";
  c.http_token_file = path; // read when everything is known
  return {};
}

std::string set_roles(config& c, std::string_view text) {
  constexpr auto rule = "must be `ledger`, `account` or `ledger,account`";
  std::vector<role> roles;
  std::istringstream parts{std::string{text}};
  for (std::string word; std::getline(parts, word, ',');) {
    const auto one = parse_role(word);
    if (!one)
      return rule;
    if (std::find(roles.begin(), roles.end(), *one) == roles.end())
      roles.push_back(*one);
  }
  if (roles.empty())
    return rule;
  c.roles = std::move(roles);
  return {};
}

std::string show_roles(const config& c) {
  std::string result;
  for (const auto each : c.roles)
    result += (result.empty() ? "" : ",") + std::string{to_text(each)};
  return result;
}

std::string set_node_name(config& c, std::string_view text) {
  const auto allowed = [](char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9')
           || ch == '-' || ch == '_';
  };
  if (text.empty() || text.size() > 64 || !std::all_of(text.begin(), text.end(), allowed))
    return "must be 1 to 64 letters, digits, `-` or `_`";
  c.node_name = text;
  return {};
}

std::string set_currency(config& c, std::string_view text) {
  const auto code = currency_code::parse(text);
  if (!code)
    return "must be three capital letters such as KRW";
  c.rules.default_currency = *code;
  return {};
}

std::string show_currency(const config& c) {
  return c.rules.default_currency ? std::string{c.rules.default_currency->text()} : "";
}

std::string set_unknown_fields(config& c, std::string_view text) {
  if (text != "ignore" && text != "reject")
    return "must be `ignore` or `reject`";
  c.rules.refuse_unknown_fields = text == "reject";
  return {};
}

std::string show_unknown_fields(const config& c) {
  return c.rules.refuse_unknown_fields ? "reject" : "ignore";
}

bool is_address(const std::string& host) {
  in_addr four{};
  in6_addr six{};
  return inet_pton(AF_INET, host.c_str(), &four) == 1
         || inet_pton(AF_INET6, host.c_str(), &six) == 1;
}

std::string set_http_listen(config& c, std::string_view text) {
  if (text == "off") {
    c.http_listen.reset();
    return {};
  }
  constexpr auto rule =
      "must be `off` or an address and a port such as 127.0.0.1:8080 or [::1]:8080";
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return rule;
  const auto port = parse_integer(text.substr(colon + 1), 0, 65535);
  auto host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed)
    host = host.substr(1, host.size() - 2);
  if (!port || host.empty() || bracketed != (host.find(':') != std::string_view::npos))
    return rule;
  if (host == "localhost")
    host = "127.0.0.1";
  if (!is_address(std::string{host}))
    return rule;
  c.http_listen = listen_address{std::string{host}, static_cast<std::uint16_t>(*port)};
  return {};
}

std::string show_http_listen(const config& c) {
  if (!c.http_listen)
    return "off";
  const auto& host = c.http_listen->host;
  const auto shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return shown + ":" + std::to_string(c.http_listen->port);
}

std::string set_log_format(config& c, std::string_view text) {
  if (text != "text" && text != "json")
    return "must be text or json";
  c.log_style = text == "json" ? log_format::json : log_format::text;
  return {};
}

std::string show_log_format(const config& c) {
  return c.log_style == log_format::json ? "json" : "text";
}

std::string set_replicas(config& c, std::string_view text) {
  if (text != "1" && text != "3" && text != "5")
    return "must be 1, 3 or 5";
  c.stream_replicas = text.front() - '0';
  return {};
}

std::string set_log_level(config& c, std::string_view text) {
  constexpr std::array<std::string_view, 5> levels{"trace", "debug", "info", "warn", "error"};
  if (std::find(levels.begin(), levels.end(), text) == levels.end())
    return "must be trace, debug, info, warn or error";
  c.log_level = text;
  return {};
}

constexpr std::array<std::string_view, 3> span_words{"off", "sampled", "all"};

std::string set_log_spans(config& c, std::string_view text) {
  const auto* found = std::find(span_words.begin(), span_words.end(), text);
  if (found == span_words.end())
    return "must be off, sampled or all";
  c.spans = static_cast<span_logging>(found - span_words.begin());
  return {};
}

std::string show_log_spans(const config& c) {
  return std::string{span_words.at(static_cast<std::size_t>(c.spans))};
}

// --- the table

constexpr auto connection = option_scope::connection;
constexpr auto daemon_only = option_scope::daemon;
constexpr auto value = option_kind::value;
constexpr auto flag = option_kind::flag;
constexpr auto secret = option_kind::secret;
constexpr auto file = option_kind::file;

constexpr std::int64_t minute_ms = 60000;
constexpr std::int64_t hour_ms = 60 * minute_ms;

const option table[] = {
    {"nats-url", "URL", "NATS server, or several separated by commas", connection, secret,
     set_nats_url, show_text<&config::nats_url>},
    {"nats-url-file", "PATH", "file whose first line is the NATS URL", connection, file,
     set_nats_url_file, show_nothing},
    {"nats-creds-file", "PATH", "file with the NATS user's JWT and seed", connection, value,
     set_secret_path<&config::nats_creds_file>, show_text<&config::nats_creds_file>},
    {"nats-ca-file", "PATH",
     "authorities that sign the NATS servers' certificates, beside those of this machine",
     connection, value, set_readable_file<&config::nats_ca_file>, show_text<&config::nats_ca_file>},
    {"nats-cert-file", "PATH", "certificate that NATS servers are shown, with its chain",
     connection, value, set_readable_file<&config::nats_cert_file>,
     show_text<&config::nats_cert_file>},
    {"nats-key-file", "PATH", "private key of that certificate", connection, value,
     set_tls_key_file<&config::nats_key_file>, show_text<&config::nats_key_file>},
    {"nats-js-domain", "NAME", "JetStream domain of the streams", connection, value, set_js_domain,
     show_text<&config::nats_js_domain>},
    {"nats-js-api-prefix", "PREFIX",
     "where JetStream is asked instead of $JS.API, such as js.hub.API; $JS.ACK.> must be imported, "
     "too",
     connection, value, set_js_api_prefix, show_text<&config::nats_js_api_prefix>},
    {"nats-reply-prefix", "PREFIX",
     "beginning of reply subjects that are answered over NATS, beside `_INBOX.`", daemon_only,
     value, set_reply_prefix, show_text<&config::nats_reply_prefix>},
    {"database-url", "URL", "database of the schema `ledger`", connection, secret,
     set_database_url<&config::database_url, &config::database_url_file>,
     show_text<&config::database_url>},
    {"database-url-file", "PATH", "file whose first line is the database URL", connection, file,
     set_database_url_file<&config::database_url, &config::database_url_file>, show_nothing},
    {"account-database-url", "URL",
     "database of the schema `account`; by default that of --database-url", connection, secret,
     set_database_url<&config::account_database_url, &config::account_database_url_file>,
     show_text<&config::account_database_url>},
    {"account-database-url-file", "PATH", "file whose first line is the account database URL",
     connection, file,
     set_database_url_file<&config::account_database_url, &config::account_database_url_file>,
     show_nothing},
    {"http-listen", "HOST:PORT", "address of the API, health checks and metrics, or `off`",
     connection, value, set_http_listen, show_http_listen},
    {"http-token-file", "PATH",
     "file with lines of NAME SCOPES TOKEN [RATE]; required beyond loopback", connection, value,
     set_http_token_file, show_text<&config::http_token_file>},
    {"http-tls-cert-file", "PATH", "certificate that HTTP clients are shown, with its chain",
     connection, value, set_readable_file<&config::http_tls_cert_file>,
     show_text<&config::http_tls_cert_file>},
    {"http-tls-key-file", "PATH", "private key of that certificate", connection, value,
     set_tls_key_file<&config::http_tls_key_file>, show_text<&config::http_tls_key_file>},
    {"http-rate-max", "N",
     "requests a second of one token, or of all callers without one; 0: no limit", daemon_only,
     value, set_integer<&config::http_rate_max, 0, 1000000>, show_integer<&config::http_rate_max>},
    {"default-currency", "CODE",
     "currency of requests that name none; without it every request must name one", connection,
     value, set_currency, show_currency},
    {"unknown-fields", "ignore|reject", "what becomes of fields of a request that are not known",
     connection, value, set_unknown_fields, show_unknown_fields},
    {"log-format", "text|json", "form of the log's lines", connection, value, set_log_format,
     show_log_format},
    {"log-level", "trace|debug|info|warn|error", "lines below it are left out", connection, value,
     set_log_level, show_text<&config::log_level>},
    {"log-spans", "off|sampled|all",
     "spans in the log: of traces whose traceparent is sampled, or of all", daemon_only, value,
     set_log_spans, show_log_spans},
    {"roles", "ledger|account|ledger,account", "what this node does; by default both", daemon_only,
     value, set_roles, show_roles},
    {"node-name", "NAME",
     "name of this process for other nodes, dead letters and logs; by default host and process id",
     daemon_only, value, set_node_name, show_text<&config::node_name>},
    {"fetchers", "N", "fetcher actors for each consumer; by default one for every four processors",
     daemon_only, value, set_integer<&config::fetchers, 1, 64>, show_integer<&config::fetchers>},
    {"gates", "N",
     "gate actors, each with a database connection; by default one for every two processors, two "
     "at least",
     daemon_only, value, set_integer<&config::gates, 1, 64>, show_integer<&config::gates>},
    {"scheduler-threads", "N",
     "threads that run actors; by default, and with 0, one for every two processors", daemon_only,
     value, set_integer<&config::scheduler_threads, 0, 1024>,
     show_integer<&config::scheduler_threads>},
    {"memory-max", "SIZE", "memory that this process may use", daemon_only, value,
     set_bytes<&config::memory_max, (memory_max_least >> 20), (std::size_t{1} << 20)>,
     show_bytes<&config::memory_max>},
    {"max-in-flight", "N",
     "messages that this node holds at most; by default as processors and memory allow",
     daemon_only, value, set_integer<&config::max_in_flight, 1, 1000000>,
     show_integer<&config::max_in_flight>},
    {"batch-max", "N", "entries that one database transaction posts at most", daemon_only, value,
     set_integer<&config::batch_max, 1, 10000>, show_integer<&config::batch_max>},
    {"max-attempts", "N", "failures of a message's own before it is parked", daemon_only, value,
     set_integer<&config::attempts_max, 1, 100>, show_integer<&config::attempts_max>},
    {"ledgers-max", "N", "accounts kept in memory at most", daemon_only, value,
     set_integer<&config::ledgers_max, 1, 100000000>, show_integer<&config::ledgers_max>},
    {"ledger-idle", "DURATION", "how long an account may be unused before it leaves memory",
     daemon_only, value, set_duration<&config::ledger_idle, 100, 24 * hour_ms>,
     show_duration<&config::ledger_idle>},
    {"ack-wait", "DURATION", "acknowledgement wait of consumers that are created", daemon_only,
     value, set_duration<&config::ack_wait, 1000, hour_ms>, show_duration<&config::ack_wait>},
    {"stream-replicas", "1|3|5", "nats-servers that keep a copy of each stream that is created",
     daemon_only, value, set_replicas, show_integer<&config::stream_replicas>},
    {"shutdown-deadline", "DURATION", "how long a shutdown may take to finish what is in flight",
     daemon_only, value, set_duration<&config::shutdown_deadline, 100, 10 * minute_ms>,
     show_duration<&config::shutdown_deadline>},
    {"start-timeout", "DURATION",
     "how long a start is tried that a wrong password or the like refuses", daemon_only, value,
     set_duration<&config::start_timeout, 100, hour_ms>, show_duration<&config::start_timeout>},
    {"audit-interval", "DURATION",
     "time between two looks at new rows and results of the ledger nodes' own audit, which one "
     "node does for all: set it alike; 0s: none",
     daemon_only, value, set_duration<&config::audit_interval, 0, hour_ms>,
     show_duration<&config::audit_interval>},
    {"recovery-interval", "DURATION",
     "how often to look for messages that a limit on the server made a consumer give up",
     daemon_only, value, set_duration<&config::recovery_interval, 100, hour_ms>,
     show_duration<&config::recovery_interval>, "sweep-interval"},
    {"redrive-after", "DURATION",
     "how long a record may be without a verdict before it is driven again", daemon_only, value,
     set_duration<&config::redrive_after, 100, 24 * hour_ms>,
     show_duration<&config::redrive_after>},
    {"submissions-max", "N", "submissions that this node holds at most", daemon_only, value,
     set_integer<&config::submissions_max, 1, 1000000>, show_integer<&config::submissions_max>},
    {"shadow", "",
     "decide beside the present service, on a database of its own, publish nothing and compare",
     daemon_only, flag, set_bool<&config::shadow>, show_bool<&config::shadow>},
    {"shadow-from", "SEQUENCE", "the first request that a new shadow decides", daemon_only, value,
     set_integer<&config::shadow_from, 1, INT64_MAX>, show_integer<&config::shadow_from>},
    {"migrate", "", "apply missing migrations at start; --migrate=false does not", daemon_only,
     flag, set_bool<&config::migrate>, show_bool<&config::migrate>},
    {"provision", "", "create missing streams and consumers at start; --provision=false does not",
     daemon_only, flag, set_bool<&config::provision>, show_bool<&config::provision>},
};

} // namespace

std::span<const option> options() {
  return table;
}

const option* find_option(std::string_view name) {
  const auto* found = std::find_if(std::begin(table), std::end(table), [&](const option& o) {
    return o.name == name || (!o.former.empty() && o.former == name);
  });
  return found == std::end(table) ? nullptr : found;
}

std::string variable_name(std::string_view option_name) {
  std::string result = "LEDGERD_";
  for (const char c : option_name)
    result += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return result;
}

std::string read_nats_url(const broker_settings& from) {
  if (from.nats_url_file.empty())
    return from.nats_url;
  config again;
  if (const auto rule = set_nats_url_file(again, from.nats_url_file); !rule.empty())
    throw std::runtime_error{"--nats-url-file " + rule};
  return again.nats_url;
}

} // namespace ledgerd
