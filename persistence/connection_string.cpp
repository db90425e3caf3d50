#include "persistence/connection_string.hpp"

#include <libpq-fe.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <utility>

namespace ledgerd {

namespace {

// In the connection string and not by SET, so that a session cannot exist without them.
constexpr const char* session_settings = "-c statement_timeout=30s -c lock_timeout=10s "
                                         "-c idle_in_transaction_session_timeout=30s "
                                         "-c search_path=pg_catalog -c client_min_messages=error ";

// A dead peer is noticed within about 25 seconds when idle, within 10 while it owes an
// acknowledgement.
constexpr std::pair<const char*, const char*> connection_defaults[] = {
    {"connect_timeout", "3"},      {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},  {"keepalives_count", "3"},
    {"tcp_user_timeout", "10000"}, {"target_session_attrs", "read-write"},
    {"client_encoding", "UTF8"},   {"fallback_application_name", "ledgerd"},
};

using parameters = std::map<std::string, std::string>;

parameters parse(const std::string& database_url) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(database_url.c_str(), &error), PQconninfoFree);
  // The message of libpq repeats the URL, and with it the password.
  PQfreemem(error);
  if (!options)
    throw std::runtime_error("the database URL is not a valid PostgreSQL connection string");
  parameters result;
  for (auto option = options.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr)
      result.emplace(option->keyword, option->val);
  return result;
}

void append_quoted(std::string& text, const std::string& value) {
  text += '\'';
  for (const char c : value) {
    if (c == '\'' || c == '\\')
      text += '\\';
    text += c;
  }
  text += '\'';
}

std::string complete(parameters&& values, std::string_view settings) {
  for (const auto& [name, value] : connection_defaults)
    values.emplace(name, value);
  // Of two settings of one name the later wins.
  auto& options = values["options"];
  options = std::string(session_settings) + std::string(settings) + " " + options;
  std::string result;
  for (const auto& [name, value] : values) {
    result += name;
    result += '=';
    append_quoted(result, value);
    result += ' ';
  }
  return result;
}

} // namespace

std::string connection_string(const std::string& database_url, std::string_view settings) {
  return complete(parse(database_url), settings);
}

std::string any_server_connection_string(const std::string& database_url) {
  auto values = parse(database_url);
  values["target_session_attrs"] = "any";
  return complete(std::move(values), {});
}

} // namespace ledgerd
