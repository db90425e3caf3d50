#include "app/verbs/metrics_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "app/verbs/histogram_view.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

const char* const nobody_knows = "-";

std::string text_at(const ordered_json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string text_of(const std::optional<std::int64_t>& number) {
  return number ? std::to_string(*number) : nobody_knows;
}

// A second; a dash where there is nothing to compare with, or it began anew.
std::string rate_text(const std::optional<std::int64_t>& now,
                      const std::optional<std::int64_t>& then, double seconds) {
  if (!now || !then || *now < *then || seconds <= 0)
    return nobody_knows;
  return rounded(static_cast<double>(*now - *then) / seconds);
}

// An actor of the earlier document; null: there was none.
const ordered_json* earlier_actor(const earlier_numbers& before, const ordered_json& actor) {
  if (before.document == nullptr)
    return nullptr;
  for (const auto& each : before.document->at("actors"))
    if (text_at(each, "actor") == text_at(actor, "actor")
        && text_at(each, "instance") == text_at(actor, "instance"))
      return &each;
  return nullptr;
}

const ordered_json& part(const ordered_json& actor, const char* name) {
  static const auto none = ordered_json::object();
  const auto found = actor.find(name);
  return found != actor.end() && found->is_object() ? *found : none;
}

std::optional<std::int64_t> earlier_value(const ordered_json* actor, const char* name) {
  return actor == nullptr ? std::nullopt : number_at(part(*actor, "values"), name);
}

std::string time_text(const std::optional<std::int64_t>& milliseconds) {
  return milliseconds ? short_time(*milliseconds * 1000) : nobody_knows;
}

// A histogram of the actor, of the time since the earlier look where there was one; nothing: it has
// none, or the two cannot be compared. All of an actor that is new has come since.
std::optional<ordered_json> histogram_of(const ordered_json& actor, const char* name,
                                         const earlier_numbers& before) {
  const auto& now = part(actor, "histograms");
  if (!now.contains(name))
    return std::nullopt;
  if (before.document == nullptr)
    return now.at(name);
  if (before.document->value("shortened", false))
    return std::nullopt;
  const auto* then = earlier_actor(before, actor);
  if (then == nullptr)
    return now.at(name);
  const auto& earlier = part(*then, "histograms");
  return earlier.contains(name) ? since_then(now.at(name), earlier.at(name)) : std::nullopt;
}

std::string quantile_of(const ordered_json& actor, const char* name, double share,
                        const earlier_numbers& before) {
  const auto histogram = histogram_of(actor, name, before);
  return histogram ? quantile_text(*histogram, share, true) : nobody_knows;
}

// Who does not answer is the hottest; else whoever has handled most messages since the earlier
// look.
std::pair<bool, std::int64_t> heat_of(const ordered_json& actor, const earlier_numbers& before) {
  const auto now = number_at(part(actor, "values"), "messages_total").value_or(0);
  const auto then = earlier_value(earlier_actor(before, actor), "messages_total").value_or(0);
  return {!actor.value("answered", true), then <= now ? now - then : now};
}

added_histogram added(const ordered_json& document, const char* name,
                      const earlier_numbers& before) {
  added_histogram result;
  for (const auto& actor : document.at("actors"))
    if (const auto one = histogram_of(actor, name, before))
      result.add(*one);
  return result;
}

// What belongs to a consumer, and not to its kind of actor: what is known of one of them says
// nothing about another, and all its fetchers speak of the same.
bool is_of_consumer(std::string_view name) {
  return name == "pending" || name == "oldest_undecided_ms" || name == "oldest_unsettled_ms";
}

// Of what is shown as `name` or `name consumer`.
std::string_view name_in(std::string_view shown) {
  return shown.substr(0, shown.find(' '));
}

bool is_time(std::string_view shown) {
  return name_in(shown).ends_with("_ms");
}

// How the values of one name become one: ages do not add up.
std::int64_t together(std::string_view shown, std::int64_t one, std::int64_t other) {
  if (shown == "idle_ms")
    return std::min(one, other);
  return is_time(shown) || is_of_consumer(name_in(shown)) ? std::max(one, other) : one + other;
}

struct kind_numbers {
  std::vector<std::string> names; // in the order in which they came
  std::map<std::string, std::optional<std::int64_t>> values;
  bool silent = false; // one of the kind does not answer

  void add(const std::string& name, const ordered_json& value) {
    const auto [place, fresh] = values.try_emplace(name);
    if (fresh)
      names.push_back(name);
    if (value.is_number_integer())
      place->second = place->second ? together(name, *place->second, value.get<std::int64_t>())
                                    : value.get<std::int64_t>();
  }
};

// Every number that is not in the table of the actors, by kind.
std::map<std::string, kind_numbers> numbers_by_kind(const ordered_json& document) {
  static const std::array<std::string_view, 4> elsewhere{"actors", "mailbox", "messages_total",
                                                         "busy_ms"};
  std::map<std::string, kind_numbers> result;
  for (const auto& actor : document.at("actors")) {
    auto& kind = result[text_at(actor, "actor")];
    kind.silent = kind.silent || actor.value("answered", true) == false;
    const auto instance = text_at(actor, "instance");
    for (const auto& [name, value] : part(actor, "values").items())
      if (std::find(elsewhere.begin(), elsewhere.end(), name) == elsewhere.end())
        kind.add(is_of_consumer(name) ? name + " " + instance.substr(0, instance.find('/')) : name,
                 value);
  }
  return result;
}

bool is_bucket(const ordered_json& one) {
  return one.is_array() && one.size() == 2 && one[1].is_number_integer();
}

bool is_histogram(const ordered_json& one) {
  if (!one.is_object())
    return false;
  const auto buckets = one.find("buckets");
  return buckets == one.end()
         || (buckets->is_array() && std::all_of(buckets->begin(), buckets->end(), is_bucket));
}

table_rows account_rows(const ordered_json& document, const char* list,
                        std::vector<std::string> heading, auto cells) {
  table_rows result{std::move(heading)};
  const auto found = document.find(list);
  if (found == document.end() || !found->is_array())
    return result;
  for (const auto& each : *found)
    if (each.is_object()) {
      std::vector<std::string> row{text_at(each, "userId"), text_at(each, "currency"),
                                   text_of(number_at(each, "entries"))};
      for (auto& cell : cells(each))
        row.push_back(std::move(cell));
      result.push_back(std::move(row));
    }
  return result;
}

} // namespace

bool is_numbers(const ordered_json& document) {
  if (!document.is_object() || !document.contains("actors") || !document["actors"].is_array())
    return false;
  const auto is_one = [](const ordered_json& object, const char* name, auto right) {
    const auto found = object.find(name);
    return found == object.end() || right(*found);
  };
  const auto flag = [](const ordered_json& one) { return one.is_boolean(); };
  if (!is_one(document, "uptimeMs", [](const auto& one) { return one.is_number(); })
      || !is_one(document, "shortened", flag))
    return false;
  for (const auto& actor : document["actors"]) {
    if (!actor.is_object() || !is_one(actor, "answered", flag))
      return false;
    for (const auto& [name, one] : part(actor, "histograms").items())
      if (!is_histogram(one))
        return false;
  }
  return true;
}

table_rows actor_table(const ordered_json& document, const earlier_numbers& before,
                       actor_order order) {
  table_rows result{{"actor", "instance", "mailbox", "messages", "wait p50", "wait p99", "work p50",
                     "work p99", "busy", "answers"}};
  if (before.document != nullptr)
    result[0].insert(result[0].begin() + 4, "a second");
  auto actors = document.at("actors");
  std::stable_sort(actors.begin(), actors.end(), [&](const auto& one, const auto& other) {
    return order == actor_order::by_kind ? text_at(one, "actor") < text_at(other, "actor")
                                         : heat_of(one, before) > heat_of(other, before);
  });
  for (const auto& actor : actors) {
    const auto& values = part(actor, "values");
    const auto messages = number_at(values, "messages_total");
    const auto lives = number_at(values, "actors");
    auto instance = text_at(actor, "instance");
    if (lives && *lives != 1 && instance.empty())
      instance = std::to_string(*lives) + " of them";
    std::vector<std::string> row{text_at(actor, "actor"), instance.empty() ? "" : instance,
                                 text_of(number_at(values, "mailbox")), text_of(messages)};
    if (before.document != nullptr)
      row.push_back(rate_text(
          messages, earlier_value(earlier_actor(before, actor), "messages_total"), before.seconds));
    for (const auto* name : {"mailbox_time", "processing_time"})
      for (const auto share : {0.5, 0.99})
        row.push_back(quantile_of(actor, name, share, before));
    const auto busy = number_at(values, "busy_ms");
    row.push_back(busy == 0 ? "" : time_text(busy));
    row.push_back(actor.value("answered", true) ? "" : "no answer");
    result.push_back(std::move(row));
  }
  return result;
}

table_rows stage_table(const ordered_json& document, const earlier_numbers& before) {
  table_rows result{{"stage", "count", "mean", "p50", "p99"}};
  if (before.document != nullptr)
    result[0].insert(result[0].begin() + 2, "a second");
  for (const auto* stage :
       {"pull", "decode", "decide", "gate_wait", "commit", "publish", "ack", "end_to_end", "record",
        "record_commit", "request_publish", "result_pull", "settle", "settle_commit",
        "redrive_commit", "verdict_wait"}) {
    const auto sum = added(document, stage, {});
    if (sum.buckets.empty())
      continue;
    std::vector<std::string> row{stage, std::to_string(sum.count)};
    if (before.document != nullptr)
      row.push_back(rate_text(sum.count, added(*before.document, stage, {}).count, before.seconds));
    const auto shown = added(document, stage, before);
    row.push_back(shown.count == 0 ? nobody_knows : short_time(std::llround(shown.mean())));
    for (const auto share : {0.5, 0.99})
      row.push_back(quantile_text(shown.json(), share, true));
    result.push_back(std::move(row));
  }
  return result;
}

table_rows batch_table(const ordered_json& document, const earlier_numbers& before) {
  table_rows result{{"batch", "count", "mean", "p50", "p99"}};
  for (const auto* name :
       {"pulled", "posted", "recorded", "results_pulled", "results_settled", "claimed"}) {
    const auto sum = added(document, name, {});
    if (sum.buckets.empty())
      continue;
    const auto shown = added(document, name, before);
    result.push_back(
        {name, std::to_string(sum.count), shown.count == 0 ? nobody_knows : rounded(shown.mean()),
         quantile_text(shown.json(), 0.5, false), quantile_text(shown.json(), 0.99, false)});
  }
  return result;
}

number_table counts_table(const ordered_json& document, const earlier_numbers& before, bool all) {
  static const std::optional<std::int64_t> unknown;
  number_table result{{{"actor", "number", "value"}}, 0};
  if (before.document != nullptr)
    result.rows[0].push_back("a second");
  const auto then = before.document == nullptr ? std::map<std::string, kind_numbers>{}
                                               : numbers_by_kind(*before.document);
  for (const auto& [kind, numbers] : numbers_by_kind(document)) {
    if (numbers.silent)
      result.rows.push_back({kind, "one of them", "no answer"});
    for (const auto& name : numbers.names) {
      const auto& value = numbers.values.at(name);
      if (value == 0 && !all) {
        ++result.left_out;
        continue;
      }
      auto& row = result.rows.emplace_back(
          std::vector{kind, name, is_time(name) ? time_text(value) : text_of(value)});
      if (before.document == nullptr)
        continue;
      const auto known = then.find(kind);
      const auto& earlier = known != then.end() && known->second.values.contains(name)
                                ? known->second.values.at(name)
                                : unknown;
      row.push_back(name.ends_with("_total") ? rate_text(value, earlier, before.seconds) : "");
    }
  }
  for (auto& row : result.rows)
    row.resize(result.rows[0].size());
  return result;
}

table_rows hot_table(const ordered_json& document) {
  return account_rows(
      document, "hotAccounts", {"hot account", "currency", "entries", "a second"},
      [](const ordered_json& each) {
        const auto entries = number_at(each, "entries");
        const auto seconds = each.find("seconds");
        const bool known = entries && seconds != each.end() && seconds->is_number()
                           && seconds->template get<double>() > 0;
        return std::vector<std::string>{
            known ? rounded(static_cast<double>(*entries) / seconds->template get<double>())
                  : nobody_knows};
      });
}

table_rows waiting_table(const ordered_json& document) {
  return account_rows(document, "waitingAccounts",
                      {"waiting account", "currency", "entries", "for", "because of"},
                      [](const ordered_json& each) {
                        return std::vector<std::string>{time_text(number_at(each, "oldestMs")),
                                                        text_at(each, "why")};
                      });
}

} // namespace ledgerd
