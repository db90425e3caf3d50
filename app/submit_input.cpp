#include "app/submit_input.hpp"

#include <nlohmann/json.hpp>

#include "app/config.hpp"
#include "app/connections.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

std::string text_field(const nlohmann::json& document, const char* name) {
  if (!document.is_object() || !document.contains(name) || !document[name].is_string())
    return {};
  return document[name].get<std::string>();
}

} // namespace

std::string request_payload(const request_fields& fields) {
  nlohmann::ordered_json payload{
      {"recordId", fields.record_id}, {"userId", fields.user}, {"amount", fields.amount}};
  if (!fields.currency.empty())
    payload["currency"] = fields.currency;
  payload["type"] = fields.type;
  return payload.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

outgoing make_request(std::string payload, bool raw) {
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  outgoing message;
  message.subject = text_field(document, "subject");
  if (raw && !message.subject.empty() && document.contains("payload")
      && document["payload"].is_string()) {
    message.payload = text_field(document, "payload");
    return message;
  }
  message.subject = text_field(document, "type") == "WITHDRAWAL" ? names::withdrawal_subject
                                                                 : names::deposit_subject;
  message.payload = std::move(payload);
  return message;
}

void add_message_id(outgoing& message) {
  if (const auto id = record_of(message.payload))
    message.message_id = "request-" + std::to_string(to_int(*id));
}

void validate(const outgoing& message, const currency_table& currencies, const request_rules& rules,
              std::string_view where) {
  const auto decoded = decode_entry(message.subject, message.payload, currencies, rules);
  if (const auto* bad = std::get_if<rejection>(&decoded))
    throw usage_error{std::string{where} + ": " + std::string{to_text(bad->reason)} + ": "
                      + bad->detail};
}

request_file::request_file(std::string path, bool raw)
    : path_{std::move(path)}, raw_{raw}, stream_{path_} {
  if (!stream_)
    throw usage_error{"--file must name a readable file, not `" + path_ + "`"};
}

std::optional<outgoing> request_file::next() {
  for (std::string line; std::getline(stream_, line);) {
    ++line_;
    if (line.ends_with('\r'))
      line.pop_back();
    if (!line.empty())
      return make_request(std::move(line), raw_);
  }
  return std::nullopt;
}

std::string request_file::where() const {
  return path_ + ":" + std::to_string(line_);
}

} // namespace ledgerd
