#include "app/config/names_section.hpp"

#include <algorithm>
#include <string_view>

namespace ledgerd {

namespace {

constexpr std::string_view ledger_schema_key = "ledger-schema";
constexpr std::string_view account_schema_key = "account-schema";

// A setting under which the broker's answers or questions lie must not be a subject of ours.
void judge_beside(const names_settings& names, const char* option, std::string_view text,
                  std::vector<std::string>& faults) {
  while (text.ends_with('.'))
    text.remove_suffix(1);
  for (const auto& each : names.broker)
    if (each.kind >= name_kind::subject && !text.empty()
        && (text.starts_with(each.value) || each.value.starts_with(text)))
      faults.push_back(std::string(option) + " (`" + std::string(text) + "`) must not begin as "
                       + each.key + " (`" + each.value + "`) of [names] does");
}

} // namespace

std::vector<std::string> names_keys() {
  std::vector<std::string> keys;
  for (const auto& each : shown_names({}))
    keys.push_back(each.first);
  return keys;
}

bool set_name(names_settings& names, const std::string& key, const std::string& value) {
  if (key == ledger_schema_key || key == account_schema_key) {
    (key == ledger_schema_key ? names.schemas.ledger : names.schemas.account) = value;
    return true;
  }
  const auto found = std::find_if(names.broker.begin(), names.broker.end(),
                                  [&](const auto& each) { return each.key == key; });
  if (found == names.broker.end())
    return false;
  found->value = value;
  return true;
}

std::vector<std::string> names_faults(const config& settings) {
  auto faults = name_faults(settings.names.broker);
  for (auto& each : schema_name_faults(settings.names.schemas))
    faults.push_back(std::move(each));
  for (auto& each : faults)
    each = "[names] " + each;
  judge_beside(settings.names, "nats-reply-prefix", settings.nats_reply_prefix, faults);
  judge_beside(settings.names, "nats-js-api-prefix", settings.nats_js_api_prefix, faults);
  return faults;
}

setting_list shown_names(const names_settings& names) {
  setting_list all;
  for (const auto& each : names.broker)
    all.emplace_back(each.key, each.value);
  all.emplace_back(ledger_schema_key, names.schemas.ledger);
  all.emplace_back(account_schema_key, names.schemas.account);
  return all;
}

setting_list changed_names(const names_settings& names) {
  auto all = shown_names(names);
  const auto contract = shown_names({});
  std::erase_if(all, [&](const auto& each) {
    return std::find(contract.begin(), contract.end(), each) != contract.end();
  });
  return all;
}

void use_names(const names_settings& names) {
  const names_settings contract;
  choose_names(name_faults(names.broker).empty() ? names.broker : contract.broker);
  choose_schemas(schema_name_faults(names.schemas).empty() ? names.schemas : contract.schemas);
}

} // namespace ledgerd
