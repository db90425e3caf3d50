#include "app/verbs/reference.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

ordered_json flags_json(const std::vector<flag_entry>& flags) {
  auto items = ordered_json::array();
  for (const auto& flag : flags) {
    ordered_json item{{"names", flag.names}, {"help", flag.help}};
    if (!flag.unit.empty())
      item["value"] = flag.unit;
    if (!flag.choices.empty())
      item["choices"] = flag.choices;
    item["configuration"] = flag.configuration;
    items.push_back(std::move(item));
  }
  return items;
}

ordered_json words_json(const std::vector<word_entry>& words) {
  auto items = ordered_json::array();
  for (const auto& word : words) {
    ordered_json item{{"name", word.name}, {"help", word.help}, {"required", word.required}};
    if (!word.choices.empty())
      item["choices"] = word.choices;
    items.push_back(std::move(item));
  }
  return items;
}

} // namespace

ordered_json to_json(const verb_entry& verb) {
  ordered_json item{{"name", verb.name}, {"summary", verb.summary}};
  if (!verb.example.empty())
    item["example"] = verb.example;
  item["words"] = words_json(verb.words);
  item["flags"] = flags_json(verb.flags);
  item["verbs"] = ordered_json::array();
  for (const auto& below : verb.verbs)
    item["verbs"].push_back(to_json(below));
  return item;
}

} // namespace ledgerd
