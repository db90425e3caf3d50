#include "messaging/provisioning.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stdexcept>

#include "messaging/js_api.hpp"
#include "messaging/names.hpp"
#include "messaging/pull_book.hpp"

namespace ledgerd {

namespace {

using nlohmann::json;
using sentences = std::vector<std::string>;

struct stream_need {
  std::string_view name;
  std::vector<std::string_view> subjects; // to create it with
  std::vector<std::string_view> used;     // what is published to it
  bool holds_requests = false;
  bool optional = false; // not missed where nothing may be created
};

struct consumer_need {
  bool provisioning::*role; // who needs it
  std::string_view stream;
  std::string_view name;
  std::string_view filter;
  bool headers_only = false;
};

const std::array<stream_need, 5>& stream_needs() {
  const auto announced = [](std::string_view by) {
    return std::string(names::exhausted_prefix).append(by);
  };
  static const auto all_exhausted = announced(">");
  static const auto exhausted_deposit = announced(names::deposit_consumer);
  static const auto exhausted_withdrawal = announced(names::withdrawal_consumer);
  static const std::array<stream_need, 5> needs{{
      {names::request_stream,
       {names::deposit_subject, names::withdrawal_subject},
       {names::deposit_subject, names::withdrawal_subject},
       true},
      {names::result_stream,
       {names::result_subjects},
       {names::deposit_result_subject, names::withdrawal_result_subject}},
      {names::dead_letter_stream,
       {names::dead_letter_subjects},
       {"transaction.dead.deposit", "transaction.dead.withdrawal"}},
      {names::exhausted_stream,
       {all_exhausted},
       {exhausted_deposit, exhausted_withdrawal},
       false,
       true},
      {names::action_stream, {names::action_subjects}, {names::discard_subject}, false, true},
  }};
  return needs;
}

constexpr std::array<consumer_need, 4> consumer_needs{{
    {&provisioning::ledger, names::request_stream, names::deposit_consumer, names::deposit_subject},
    {&provisioning::ledger, names::request_stream, names::withdrawal_consumer,
     names::withdrawal_subject},
    {&provisioning::account, names::result_stream, names::account_result_consumer,
     names::result_subjects},
    {&provisioning::account, names::dead_letter_stream, names::account_dead_letter_consumer,
     names::dead_letter_subjects, true},
}};

std::int64_t nanoseconds(std::chrono::milliseconds duration) {
  return std::chrono::nanoseconds(duration).count();
}

// A field of a configuration; what is left out is what the broker leaves out: empty, zero, false.
std::string text(const json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number(const json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

bool flag(const json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_boolean() && found->get<bool>();
}

sentences strings(const json& config, const char* key) {
  sentences result;
  if (const auto found = config.find(key); found != config.end() && found->is_array())
    for (const auto& one : *found)
      if (one.is_string())
        result.push_back(one.get<std::string>());
  return result;
}

std::string joined(const sentences& list) {
  std::string result;
  for (const auto& one : list)
    result.append(result.empty() ? "" : ", ").append(one);
  return result.empty() ? "none" : result;
}

void judge_request_limits(const json& config, const std::string& who, sentences& faults) {
  const bool discards_new = text(config, "discard") == "new";
  for (const auto* limit : {"max_msgs", "max_bytes"})
    if (const auto value = number(config, limit); value > 0 && !discards_new)
      faults.push_back(
          who + "discard is old and " + limit + " is " + std::to_string(value)
          + ": the oldest requests would be deleted unread; use discard new or no limit");
  // Discard new does not go for this limit unless a flag of its own says so.
  const bool discards_new_here = discards_new && flag(config, "discard_new_per_subject");
  if (const auto value = number(config, "max_msgs_per_subject"); value > 0 && !discards_new_here)
    faults.push_back(who + "max_msgs_per_subject is " + std::to_string(value)
                     + ": the oldest requests would be deleted unread; remove the limit or use "
                       "discard_new_per_subject");
}

void judge_stream(const stream_need& need, const json& config, sentences& faults) {
  const auto who = "stream " + std::string(need.name) + ": ";
  if (const auto retention = text(config, "retention"); retention != "limits")
    faults.push_back(who + "retention is " + retention
                     + ": messages would be deleted once they are acknowledged; it must be limits");
  if (const auto storage = text(config, "storage"); storage != "file")
    faults.push_back(who + "storage is " + storage
                     + ": a restart of the broker would lose all messages; it must be file");
  if (flag(config, "no_ack"))
    faults.push_back(
        who + "no_ack is true: nothing published could be known to be stored; it must be false");
  if (flag(config, "sealed"))
    faults.push_back(who + "sealed is true: the stream takes no messages any more");
  if (need.holds_requests)
    judge_request_limits(config, who, faults);
  const auto subjects = strings(config, "subjects");
  for (const auto used : need.used)
    if (std::none_of(subjects.begin(), subjects.end(),
                     [&](auto& one) { return subject_matches(one, used); }))
      faults.push_back(who + "subjects are " + joined(subjects) + ": messages on "
                       + std::string(used) + " would not be stored");
}

void judge_ack_wait(const json& config, const std::string& who, const provisioning& how,
                    sentences& faults) {
  // A backoff list takes the place of the acknowledgement wait with its first entry.
  auto wait = number(config, "ack_wait");
  const auto backoff = config.find("backoff");
  const bool backed_off = backoff != config.end() && backoff->is_array() && !backoff->empty()
                          && backoff->front().is_number_integer();
  if (backed_off)
    wait = backoff->front().get<std::int64_t>();
  if (wait < nanoseconds(how.shutdown_deadline))
    faults.push_back(who + (backed_off ? "the first backoff is " : "ack_wait is ")
                     + std::to_string(wait / 1'000'000)
                     + "ms, shorter than the shutdown deadline of "
                     + std::to_string(how.shutdown_deadline.count())
                     + "ms: messages would be handed out again while they are being worked on");
}

void judge_consumer(const consumer_need& need, const json& config, const provisioning& how,
                    sentences& faults) {
  const auto who =
      "consumer " + std::string(need.name) + " of stream " + std::string(need.stream) + ": ";
  if (const auto target = text(config, "deliver_subject"); !target.empty())
    faults.push_back(
        who + "deliver_subject is " + target
        + ": it is a push consumer, whose messages are lost when nobody listens; it must be a pull "
          "consumer");
  if (const auto policy = text(config, "ack_policy"); policy != "explicit")
    faults.push_back(who + "ack_policy is " + policy
                     + ": messages would count as done before they are; it must be explicit");
  if (flag(config, "headers_only"))
    faults.push_back(who + "headers_only is true: messages would come without their content");
  if (const auto limit = number(config, "max_expires");
      limit > 0 && limit < nanoseconds(pull_book::expires_long))
    faults.push_back(who + "max_expires is " + std::to_string(limit / 1'000'000)
                     + "ms: pull requests, which last "
                     + std::to_string(pull_book::expires_long.count())
                     + "ms, would be refused and no message would be handed out");
  auto filters = strings(config, "filter_subjects");
  if (const auto one = text(config, "filter_subject"); !one.empty())
    filters.push_back(one);
  if (filters.size() != 1 || filters.front() != need.filter)
    faults.push_back(who + "filter_subject is " + joined(filters) + ": it must be "
                     + std::string(need.filter)
                     + ", or messages would be handed to the wrong consumer or to none");
  judge_ack_wait(config, who, how, faults);
}

json stream_config(const stream_need& need, const provisioning& how) {
  json config = {{"name", need.name},  {"subjects", need.subjects}, {"retention", "limits"},
                 {"storage", "file"},  {"discard", "new"},          {"max_consumers", -1},
                 {"max_msgs", -1},     {"max_bytes", -1},           {"max_age", 0},
                 {"max_msg_size", -1}, {"num_replicas", 1}};
  if (!need.holds_requests)
    config["duplicate_window"] = nanoseconds(how.duplicate_window);
  return config;
}

json consumer_config(const consumer_need& need, const provisioning& how) {
  json result = {{"stream_name", need.stream},
                 {"action", "create"}, // never an update; brokers before 2.10 ignore it
                 {"config",
                  {{"durable_name", need.name},
                   {"deliver_policy", "all"},
                   {"ack_policy", "explicit"},
                   {"ack_wait", nanoseconds(how.ack_wait)},
                   {"max_deliver", -1},
                   {"max_ack_pending", how.ack_pending_max},
                   {"filter_subject", need.filter},
                   {"replay_policy", "instant"}}}};
  if (need.headers_only)
    result["config"]["headers_only"] = true;
  return result;
}

// The configuration of what is there, or nothing.
std::optional<json> find_config(session& through, const std::string& what, int not_found) {
  const auto answer = ask_jetstream(through, what, "");
  if (answer.code == not_found)
    return std::nullopt;
  if (!answer.error.empty())
    throw std::runtime_error("JetStream, " + what + ": " + answer.error);
  const auto info = json::parse(answer.json);
  return info.contains("config") && info["config"].is_object() ? info["config"] : json::object();
}

// Finds or creates. Of several daemons that create at once one succeeds; the others find what it
// has made.
std::optional<json> ensure(session& through, const std::string& who, const std::string& find,
                           int not_found, const std::string& create, const json& config,
                           bool may_create, sentences& faults) {
  if (auto found = find_config(through, find, not_found))
    return found;
  if (!may_create) {
    faults.push_back(who + " is missing");
    return std::nullopt;
  }
  const auto answer = ask_jetstream(through, create, config.dump());
  auto found = find_config(through, find, not_found);
  if (!found)
    faults.push_back(who + " is missing and cannot be created: " + answer.error);
  return found;
}

void provision_consumer(session& through, const consumer_need& need, const provisioning& how,
                        sentences& faults) {
  const std::string stream(need.stream);
  const std::string name(need.name);
  const auto path = stream + "." + name;
  if (const auto config =
          ensure(through, "consumer " + name + " of stream " + stream, "CONSUMER.INFO." + path,
                 api_consumer_not_found, "CONSUMER.DURABLE.CREATE." + path,
                 consumer_config(need, how), how.create, faults))
    judge_consumer(need, *config, how, faults);
}

} // namespace

bool subject_matches(std::string_view pattern, std::string_view subject) noexcept {
  auto next_token = [](std::string_view& rest) {
    const auto dot = rest.find('.');
    const auto token = rest.substr(0, dot);
    rest.remove_prefix(dot == std::string_view::npos ? rest.size() : dot + 1);
    return token;
  };
  while (!pattern.empty() && !subject.empty()) {
    const auto wanted = next_token(pattern);
    const auto token = next_token(subject);
    if (wanted == ">")
      return true;
    if (wanted != "*" && wanted != token)
      return false;
  }
  return pattern.empty() && subject.empty();
}

std::vector<std::string> provision_all(session& through, const provisioning& how) {
  sentences faults;
  sentences missing_streams;
  for (const auto& need : stream_needs()) {
    const std::string name(need.name);
    if (need.optional && !how.create)
      continue;
    if (const auto config =
            ensure(through, "stream " + name, "STREAM.INFO." + name, api_stream_not_found,
                   "STREAM.CREATE." + name, stream_config(need, how), how.create, faults))
      judge_stream(need, *config, faults);
    else
      missing_streams.push_back(name);
  }
  for (const auto& need : consumer_needs) {
    if (!(how.*need.role))
      continue;
    const std::string stream(need.stream);
    if (std::find(missing_streams.begin(), missing_streams.end(), stream) == missing_streams.end())
      provision_consumer(through, need, how, faults); // else said already
  }
  return faults;
}

} // namespace ledgerd
