#include "messaging/service_codec.hpp"

#include <nlohmann/json.hpp>

#include "messaging/names.hpp"
#include "messaging/wire/codec_text.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view verbs[] = {"PING", "INFO", "STATS"};

std::string time_text(std::int64_t microseconds) {
  std::string text;
  wire::append_time(text, database_time{microseconds});
  return text;
}

std::string roles_text(const service_identity& self) {
  return std::string(self.ledger ? "ledger" : "") + (self.ledger && self.account ? "," : "")
         + (self.account ? "account" : "");
}

ordered_json begin(std::string_view kind, const service_identity& self) {
  return {{"type", "io.nats.micro.v1." + std::string(kind) + "_response"},
          {"name", names::service_name},
          {"id", to_text(self.boot)},
          {"version", self.version},
          {"metadata", {{"node", self.node}, {"roles", roles_text(self)}}}};
}

ordered_json endpoint_json(const service_endpoint& one) {
  return {{"name", one.subject.substr(one.subject.rfind('.') + 1)},
          {"subject", one.subject},
          {"queue_group", names::api_queue_group}};
}

ordered_json counted(const service_endpoint& one) {
  auto item = endpoint_json(one);
  const auto count = static_cast<std::int64_t>(one.requests);
  item["num_requests"] = one.requests;
  item["num_errors"] = one.errors;
  item["last_error"] = one.last_error;
  item["processing_time"] = one.processing_ns;
  item["average_processing_time"] = count == 0 ? 0 : one.processing_ns / count;
  return item;
}

} // namespace

std::optional<service_question> read_service_question(std::string_view subject, boot_id self) {
  if (!subject.starts_with(names::service_prefix))
    return std::nullopt;
  subject.remove_prefix(names::service_prefix.size());
  const auto verb = subject.substr(0, subject.find('.'));
  subject.remove_prefix(verb.size());
  const auto us = "." + std::string(names::service_name);
  if (!subject.empty() && subject != us && subject != us + "." + to_text(self))
    return std::nullopt;
  for (std::size_t i = 0; i < std::size(verbs); ++i)
    if (verb == verbs[i])
      return static_cast<service_question>(i);
  return std::nullopt;
}

std::vector<std::string> service_subjects() {
  const auto any = std::string(names::service_prefix) + "*";
  const auto ours = any + "." + std::string(names::service_name);
  return {any, ours, ours + ".*"};
}

std::vector<service_endpoint> service_endpoints(bool ledger, bool account) {
  std::vector<service_endpoint> result;
  const auto add = [&](bool answered, std::initializer_list<std::string_view> subjects) {
    if (answered)
      for (const auto subject : subjects)
        result.push_back({.subject = subject, .last_error = {}});
  };
  add(account, {names::api_submit, names::api_record});
  add(ledger, {names::api_account, names::api_history, names::api_verdicts, names::api_currencies});
  return result;
}

std::string encode_service(service_question asked, const service_identity& self,
                           const std::vector<service_endpoint>& endpoints) {
  constexpr auto replace = ordered_json::error_handler_t::replace;
  auto items = ordered_json::array();
  switch (asked) {
  case service_question::ping:
    return begin("ping", self).dump(-1, ' ', false, replace);
  case service_question::info: {
    auto answer = begin("info", self);
    answer["description"] = "Applies money movements exactly once.";
    for (const auto& each : endpoints)
      items.push_back(endpoint_json(each));
    answer["endpoints"] = std::move(items);
    return answer.dump(-1, ' ', false, replace);
  }
  case service_question::stats:
    break;
  }
  auto answer = begin("stats", self);
  answer["started"] = time_text(self.started_us);
  for (const auto& each : endpoints)
    items.push_back(counted(each));
  answer["endpoints"] = std::move(items);
  return answer.dump(-1, ' ', false, replace);
}

} // namespace ledgerd
