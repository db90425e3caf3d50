#include "persistence/postgres/connection_string.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "persistence/postgres.hpp"

namespace ledgerd {

namespace {

// In the connection string and not by SET, so that a session cannot exist without them. The limits
// of the server end before the client's own does, so that whoever opens the next session does not
// meet the locks of this one. The rest is what the SQL of this program takes for granted, however a
// role or a database is set up; and a server that compiles every statement (jit_above_cost = 0)
// takes 60 ms for one that takes less than a tenth of one.
constexpr const char* session_settings =
    "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=3s "
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 "
    "-c tcp_user_timeout=10s -c search_path=pg_catalog -c client_min_messages=warning "
    "-c standard_conforming_strings=on -c array_nulls=on -c transform_null_equals=off "
    "-c jit=off -c default_transaction_isolation=read\\ committed -c ledgerd.session=on";

// A dead peer is noticed within about 25 seconds when idle, within 10 while it owes an
// acknowledgement.
constexpr std::pair<const char*, const char*> connection_defaults[] = {
    {"connect_timeout", "3"},      {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},  {"keepalives_count", "3"},
    {"tcp_user_timeout", "10000"}, {"target_session_attrs", "read-write"},
    {"client_encoding", "UTF8"},   {"fallback_application_name", "ledgerd"},
};

void append_quoted(std::string& text, const std::string& value) {
  text += '\'';
  for (const char c : value) {
    if (c == '\'' || c == '\\')
      text += '\\';
    text += c;
  }
  text += '\'';
}

std::string complete(connection_parameters&& values, std::string_view settings) {
  for (const auto& [name, value] : connection_defaults)
    values.emplace(name, value);
  // Of two settings of one name the later wins.
  auto& options = values["options"];
  std::string all = session_settings;
  for (const std::string_view more : {settings, std::string_view{options}})
    if (!more.empty())
      all.append(" ").append(more);
  options = std::move(all); // PgBouncer since 1.20 takes no blank at the end for none
  return to_text(values);
}

// The words of a server's command line: a backslash takes the next character as it is.
std::vector<std::string> words_of(std::string_view options) {
  std::vector<std::string> result;
  bool within = false;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (options[i] == ' ') {
      within = false;
      continue;
    }
    if (!std::exchange(within, true))
      result.emplace_back();
    if (options[i] == '\\' && i + 1 < options.size())
      ++i;
    result.back() += options[i];
  }
  return result;
}

// The characters of a setting's name that a server takes.
bool is_setting_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
           || c == '.';
  });
}

} // namespace

connection_parameters parse_connection_string(const std::string& text) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(text.c_str(), &error), PQconninfoFree);
  // The message of libpq repeats the URL, and with it the password.
  PQfreemem(error);
  if (!options)
    throw std::runtime_error("the database URL is not a valid PostgreSQL connection string");
  connection_parameters result;
  for (auto option = options.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr)
      result.emplace(option->keyword, option->val);
  return result;
}

std::string to_text(const connection_parameters& values) {
  std::string result;
  for (const auto& [name, value] : values) {
    result += name;
    result += '=';
    append_quoted(result, value);
    result += ' ';
  }
  return result;
}

std::string settings_as_statements(const std::string& connection_string) {
  std::string result;
  for (std::string_view word : words_of(parse_connection_string(connection_string)["options"])) {
    if (word.starts_with("-c") || word.starts_with("--"))
      word.remove_prefix(2);
    const auto sign = word.find('=');
    if (sign == word.npos || !is_setting_name(word.substr(0, sign)))
      continue;
    std::string value;
    for (const char c : word.substr(sign + 1))
      value += c == '\'' || c == '\\' ? std::string(2, c) : std::string(1, c);
    result +=
        "SELECT set_config('" + std::string(word.substr(0, sign)) + "', E'" + value + "', false); ";
  }
  return result;
}

std::string connection_string(const std::string& database_url, std::string_view settings) {
  return complete(parse_connection_string(database_url), settings);
}

std::string reading_connection(const std::string& database_url) {
  auto values = parse_connection_string(database_url);
  const auto is_one = [&](const char* name) {
    const auto found = values.find(name);
    return found == values.end() || found->second.find(',') == std::string::npos;
  };
  if (is_one("host") && is_one("hostaddr"))
    values.emplace("target_session_attrs", "any");
  return to_text(values);
}

std::string any_server_connection_string(const std::string& database_url) {
  auto values = parse_connection_string(database_url);
  values["target_session_attrs"] = "any";
  return complete(std::move(values), {});
}

} // namespace ledgerd
