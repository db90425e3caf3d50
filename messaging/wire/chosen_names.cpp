#include "messaging/chosen_names.hpp"

#include <algorithm>
#include <iterator>
#include <list>
#include <string_view>

#include "domain/assert.hpp"
#include "messaging/names.hpp"
#include "messaging/shadow_topology.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t name_bytes_max = 128;

constexpr consumer_list consumers_of_all(const names::chosen_names& by, const route_list& routes) {
  consumer_list all;
  auto* next = all.data();
  for (const auto& route : routes)
    *next++ = {by.request_stream, route.consumer, route.request};
  *next++ = {by.result_stream, by.account_result_consumer, by.result_subjects,
             consumer_reader::account};
  *next++ = {by.dead_letter_stream, by.account_dead_letter_consumer, by.dead_letter_subjects,
             consumer_reader::account};
  return all;
}

constexpr std::array<durable_consumer, 2> consumers_of_shadow(const names::chosen_names& by) {
  return {{{by.request_stream, by.shadow_request_consumer, ""},
           {by.result_stream, by.shadow_result_consumer, by.result_subjects}}};
}

// One that stands in chosen_names as it is given.
struct plain_name {
  std::string_view key;
  name_kind kind;
  std::string_view names::chosen_names::*place;
};

constexpr plain_name streams[] = {
    {"request-stream", name_kind::stream, &names::chosen_names::request_stream},
    {"result-stream", name_kind::stream, &names::chosen_names::result_stream},
    {"dead-letter-stream", name_kind::stream, &names::chosen_names::dead_letter_stream},
    {"exhausted-stream", name_kind::stream, &names::chosen_names::exhausted_stream},
    {"action-stream", name_kind::stream, &names::chosen_names::action_stream}};

// One under which subjects lie; the contract's is that of the subject beside it, as far as there.
struct prefix_name {
  std::string_view key;
  std::string_view of_contract;
};

constexpr std::string_view before(std::string_view subject, std::string_view end) {
  return subject.substr(0, subject.size() - end.size());
}

constexpr names::chosen_names contract{};
constexpr std::string_view result_key = "result-prefix";
constexpr std::string_view dead_letter_key = "dead-letter-prefix";
constexpr std::string_view action_key = "action-prefix";
constexpr std::string_view service_key = "service-prefix";
constexpr prefix_name prefixes[] = {{result_key, before(contract.result_subjects, ".>")},
                                    {dead_letter_key, before(contract.dead_letter_subjects, ".>")},
                                    {action_key, before(contract.action_subjects, ".>")},
                                    {service_key, before(contract.node_prefix, ".node.")}};

constexpr plain_name consumers[] = {
    {"account-result-consumer", name_kind::consumer, &names::chosen_names::account_result_consumer},
    {"account-dead-letter-consumer", name_kind::consumer,
     &names::chosen_names::account_dead_letter_consumer},
    {"shadow-request-consumer", name_kind::consumer, &names::chosen_names::shadow_request_consumer},
    {"shadow-result-consumer", name_kind::consumer, &names::chosen_names::shadow_result_consumer}};

std::string subject_key(const movement_route& of_contract) {
  return std::string(of_contract.token()) + "-subject";
}

std::string consumer_key(const movement_route& of_contract) {
  return std::string(of_contract.token()) + "-consumer";
}

std::string_view value_of(const std::vector<chosen_name>& names, std::string_view key) {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const auto& each) { return each.key == key; });
  LEDGERD_ASSERT(found != names.end());
  return found->value;
}

bool is_token(std::string_view text) {
  const auto allowed = [](char c) {
    return c > ' ' && c < '\x7f'
           && std::string_view{".*>/\\\"'`"}.find(c) == std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}

bool is_subject(std::string_view text) {
  for (;;) {
    const auto dot = text.find('.');
    if (!is_token(text.substr(0, dot)))
      return false;
    if (dot == std::string_view::npos)
      return true;
    text.remove_prefix(dot + 1);
  }
}

// The rule that a name breaks by itself, as the end of a sentence; empty: none.
std::string rule_broken(const chosen_name& name) {
  const auto& text = name.value;
  if (text.empty() || text.size() > name_bytes_max)
    return "must have 1 to " + std::to_string(name_bytes_max) + " characters";
  if (name.kind == name_kind::stream || name.kind == name_kind::consumer)
    return is_token(text) ? ""
                          : "must be printable characters of ASCII without blanks, quotes, `.`, "
                            "`*`, `>` and slashes";
  if (!is_subject(text))
    return "must be a subject such as payments.request, of tokens without wildcards, blanks, "
           "quotes "
           "and slashes, with one `.` between two of them";
  if (text.front() == '$' || subjects_overlap(text, "_INBOX"))
    return "must not lie under `$` or `_INBOX`, which are the broker's own";
  return {};
}

std::string quoted(const chosen_name& name) {
  return name.key + " (`" + name.value + "`)";
}

// Consumers of which streams must be told apart from each other.
std::string_view stream_of(std::string_view consumer_key) {
  if (consumer_key == "account-dead-letter-consumer")
    return "dead-letter-stream";
  return consumer_key == "account-result-consumer" || consumer_key == "shadow-result-consumer"
             ? "result-stream"
             : "request-stream";
}

// Why the two cannot both be; empty: they can.
std::string clash_of(const chosen_name& one, const chosen_name& other) {
  const bool subjects = one.kind >= name_kind::subject && other.kind >= name_kind::subject;
  if (subjects && subjects_overlap(one.value, other.value))
    return quoted(other) + " must not be " + quoted(one) + " nor lie under it, or it under this";
  if (one.kind != other.kind || one.value != other.value)
    return {};
  if (one.kind == name_kind::stream)
    return quoted(other) + " must not be the name of " + one.key + ", too";
  if (one.kind == name_kind::consumer && stream_of(one.key) == stream_of(other.key))
    return quoted(other) + " must not be the name of " + one.key
           + ", too: both are consumers of the " + std::string(stream_of(one.key));
  return {};
}

std::string_view last_token(std::string_view subject) {
  return subject.substr(subject.rfind('.') + 1);
}

// What is made of the choice; keeps the texts.
class choice {
public:
  explicit choice(const std::vector<chosen_name>& names) : names_(names) {}

  void make() {
    auto& to = names::chosen;
    for (const auto& each : streams)
      to.*each.place = keep(value_of(names_, each.key));
    for (const auto& each : consumers)
      to.*each.place = keep(value_of(names_, each.key));
    to.exhausted_prefix =
        keep("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.", to.request_stream, ".");
    to.result_subjects = under(result_key, ".>");
    to.dead_letter_subjects = under(dead_letter_key, ".>");
    to.dead_letter_prefix = under(dead_letter_key, ".");
    to.action_subjects = under(action_key, ".>");
    to.discard_subject = under(action_key, ".discard");
    to.replay_subject = under(action_key, ".replay");
    to.end_session_subject = under(action_key, ".end-session");
    to.api_submit = under(service_key, ".api.submit");
    to.api_record = under(service_key, ".api.record");
    to.api_account = under(service_key, ".api.account");
    to.api_history = under(service_key, ".api.history");
    to.api_verdicts = under(service_key, ".api.verdicts");
    to.api_currencies = under(service_key, ".api.currencies");
    to.cluster_word = under(service_key, ".cluster.word");
    to.cluster_ask = under(service_key, ".cluster.ask");
    to.node_prefix = under(service_key, ".node.");
    for (std::size_t i = 0; i < contract_routes.size(); ++i)
      names::chosen_routes[i] = route_like(contract_routes[i]);
    names::chosen_consumers = consumers_of_all(to, names::chosen_routes);
    names::chosen_shadow_consumers = consumers_of_shadow(to);
  }

private:
  movement_route route_like(const movement_route& of_contract) {
    movement_route route = of_contract;
    route.request = keep(value_of(names_, subject_key(of_contract)));
    route.consumer = keep(value_of(names_, consumer_key(of_contract)));
    const std::string end = "." + std::string(route.token());
    route.result = under(result_key, end);
    route.dead_letter = under(dead_letter_key, end);
    return route;
  }

  std::string_view under(std::string_view key, std::string_view end) {
    return keep(value_of(names_, key), end);
  }

  static std::string_view keep(std::string_view a, std::string_view b = {},
                               std::string_view c = {}) {
    static std::list<std::string> kept; // for ever
    return kept.emplace_back(std::string(a).append(b).append(c));
  }

  const std::vector<chosen_name>& names_;
};

} // namespace

namespace names {

constinit chosen_names chosen{};
constinit route_list chosen_routes = contract_routes;
constinit consumer_list chosen_consumers = consumers_of_all(contract, contract_routes);
constinit std::array<durable_consumer, 2> chosen_shadow_consumers = consumers_of_shadow(contract);

} // namespace names

std::vector<chosen_name> contract_names() {
  std::vector<chosen_name> all;
  const auto add = [&](std::string_view key, name_kind kind, std::string_view value) {
    all.push_back({std::string(key), kind, std::string(value)});
  };
  for (const auto& each : streams)
    add(each.key, each.kind, contract.*each.place);
  for (const auto& each : contract_routes)
    add(subject_key(each), name_kind::subject, each.request);
  for (const auto& each : prefixes)
    add(each.key, name_kind::prefix, each.of_contract);
  for (const auto& each : contract_routes)
    add(consumer_key(each), name_kind::consumer, each.consumer);
  for (const auto& each : consumers)
    add(each.key, each.kind, contract.*each.place);
  return all;
}

bool subjects_overlap(std::string_view one, std::string_view other) noexcept {
  const auto least = std::min(one.size(), other.size());
  return one.substr(0, least) == other.substr(0, least)
         && (one.size() == other.size() || (one.size() < other.size() ? other : one)[least] == '.');
}

std::vector<std::string> name_faults(const std::vector<chosen_name>& names) {
  std::vector<std::string> faults;
  for (const auto& each : names)
    if (const auto rule = rule_broken(each); !rule.empty())
      faults.push_back(each.key + " " + rule + ", not `" + each.value + "`");
  if (!faults.empty())
    return faults;
  for (auto one = names.begin(); one != names.end(); ++one)
    for (auto other = std::next(one); other != names.end(); ++other) {
      if (auto clash = clash_of(*one, *other); !clash.empty())
        faults.push_back(std::move(clash));
      else if (one->kind == name_kind::subject && other->kind == name_kind::subject
               && last_token(one->value) == last_token(other->value))
        faults.push_back(quoted(*other) + " must not end as " + quoted(*one)
                         + " does: results and dead letters are told apart by the last token");
    }
  return faults;
}

void choose_names(const std::vector<chosen_name>& names) {
  LEDGERD_ASSERT(name_faults(names).empty());
  choice{names}.make();
}

} // namespace ledgerd
