#include "app/verbs/verb_support.hpp"

#include <nlohmann/json.hpp>
#include <pwd.h>
#include <unistd.h>

#include "app/base/text.hpp"
#include "app/config/broker_access.hpp"
#include "app/config/config.hpp"

namespace ledgerd {

std::unique_ptr<broker> connect_broker(const broker_settings& settings) {
  try {
    return broker::connect(broker_access(settings, "ledgerd verb"),
                           [](link_event, const std::string&) {});
  } catch (const std::runtime_error& e) {
    throw std::runtime_error{"cannot reach the broker at " + redact_url(settings.nats_url) + ": "
                             + e.what()};
  }
}

std::unique_ptr<ledger_reader> open_ledger(const database_settings& settings) {
  require_ledger_database(settings);
  return make_postgres_reader(settings.database_url);
}

std::unique_ptr<ledger_reader> open_ledger_to_read(const database_settings& settings) {
  require_ledger_database(settings);
  return make_postgres_reader(reading_connection(settings.database_url));
}

std::string user_at_host() {
  passwd entry{};
  passwd* found = nullptr;
  char room[1024];
  getpwuid_r(geteuid(), &entry, room, sizeof room, &found);
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return (found != nullptr ? std::string{found->pw_name} : std::to_string(geteuid())) + "@" + host;
}

std::string_view header_value(const stored_message& message, std::string_view name) {
  for (const auto& header : message.headers)
    if (header.name == name)
      return header.value;
  return {};
}

std::optional<record_id> record_of(std::string_view payload) {
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  if (!document.is_object() || !document.contains("recordId"))
    return std::nullopt;
  const auto& field = document["recordId"];
  const auto text = field.is_string()           ? field.get<std::string>()
                    : field.is_number_integer() ? field.dump()
                                                : "";
  const auto number = parse_integer(text, 1, INT64_MAX);
  if (!number)
    return std::nullopt;
  return record_id{*number};
}

} // namespace ledgerd
