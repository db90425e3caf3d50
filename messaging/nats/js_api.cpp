#include "messaging/nats/js_api.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "messaging/nats/incoming.hpp"

namespace ledgerd {

namespace {

using nlohmann::json;

constexpr auto answer_deadline = std::chrono::milliseconds(5000);

[[noreturn]] void fail(const std::string& what, const std::string& why) {
  throw std::runtime_error("JetStream, " + what + ": " + why);
}

std::uint64_t number_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

const json& object_at(const json& object, const char* key) {
  static const json empty = json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : empty;
}

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// RFC 3339 in UTC, as Go writes it: nanoseconds since 1970, or 0.
std::int64_t parse_time(std::string_view text) {
  // 2006-01-02T15:04:05.999999999Z
  constexpr std::size_t fraction_at = 19;
  if (text.size() <= fraction_at || text.back() != 'Z')
    return 0;
  auto part = [&](std::size_t at, std::size_t size) {
    return static_cast<int>(parse_number(text.substr(at, size)).value_or(0));
  };
  using namespace std::chrono;
  const sys_days day = year(part(0, 4)) / part(5, 2) / part(8, 2);
  const auto whole =
      day.time_since_epoch() + hours(part(11, 2)) + minutes(part(14, 2)) + seconds(part(17, 2));
  std::string fraction(text.substr(fraction_at + 1, text.size() - fraction_at - 2));
  fraction.resize(9, '0');
  return duration_cast<nanoseconds>(whole).count()
         + static_cast<std::int64_t>(parse_number(fraction).value_or(0));
}

std::string decode_base64(std::string_view text) {
  static const auto values = [] {
    std::array<int, 256> table;
    table.fill(-1);
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < alphabet.size(); ++i)
      table[static_cast<unsigned char>(alphabet[i])] = static_cast<int>(i);
    return table;
  }();
  std::string result;
  result.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0)
      break;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if ((count += 6) >= 8) {
      count -= 8;
      result.push_back(static_cast<char>(bits >> count & 0xff));
    }
  }
  return result;
}

} // namespace

std::string api_prefix_of(const broker_options& broker) {
  if (!broker.js_api_prefix.empty())
    return broker.js_api_prefix + ".";
  return broker.js_domain.empty() ? "$JS.API." : "$JS." + broker.js_domain + ".API.";
}

std::string api_subject(const session& through, std::string_view what) {
  return std::string(through.api_prefix()).append(what);
}

jetstream_answer ask_jetstream(session& through, const std::string& what, const std::string& body) {
  natsMsg* raw = nullptr;
  const auto subject = api_subject(through, what);
  const auto status = natsConnection_RequestString(&raw, through.raw(), subject.c_str(),
                                                   body.c_str(), answer_deadline.count());
  const message_ptr message(raw);
  if (status == NATS_NO_RESPONDERS)
    fail(what, "nobody answers on " + subject + "; is JetStream enabled there?");
  if (status != NATS_OK)
    fail(what, nats_error_text(status));
  jetstream_answer answer;
  answer.json = payload_of(message.get());
  answer.error = parse_api_error(answer.json, answer.code);
  return answer;
}

std::string checked_name(std::string_view name) {
  const bool usable = !name.empty() && name.size() <= 255
                      && name.find_first_of(" \t\r\n.*>/\\") == std::string_view::npos;
  if (!usable)
    throw std::runtime_error("not a name of a stream or consumer: " + std::string(name));
  return std::string(name);
}

std::optional<std::int64_t> parse_creation_time(std::string_view json) {
  int code = 0;
  if (!parse_api_error(json, code).empty())
    return code == api_stream_not_found ? std::optional<std::int64_t>(0) : std::nullopt;
  const auto info = nlohmann::json::parse(json, nullptr, false);
  const auto created = info.is_object() ? parse_time(text_at(info, "created")) : 0;
  return created != 0 ? std::optional(created) : std::nullopt;
}

stream_state ask_stream(session& through, std::string_view name) {
  const auto what = "STREAM.INFO." + checked_name(name);
  const auto answer = ask_jetstream(through, what, "");
  if (answer.code == api_stream_not_found)
    return {};
  if (!answer.error.empty())
    fail(what, answer.error);
  const auto info = json::parse(answer.json);
  const auto& state = object_at(info, "state");
  const auto& config = object_at(info, "config");
  // Every limit is absent, zero or -1 when there is none.
  const bool limited = std::ranges::any_of(
      std::array{"max_age", "max_msgs", "max_bytes", "max_msgs_per_subject"},
      [&](const char* limit) { return config.value(limit, std::int64_t{0}) > 0; });
  return {true,
          number_at(state, "messages"),
          number_at(state, "bytes"),
          number_at(state, "first_seq"),
          number_at(state, "last_seq"),
          parse_time(text_at(info, "created")),
          limited,
          std::hash<std::string>()(object_at(info, "config").dump())};
}

consumer_state ask_consumer(session& through, std::string_view stream, std::string_view durable) {
  const auto what = "CONSUMER.INFO." + checked_name(stream) + "." + checked_name(durable);
  const auto answer = ask_jetstream(through, what, "");
  if (answer.code == api_stream_not_found || answer.code == api_consumer_not_found)
    return {};
  if (!answer.error.empty())
    fail(what, answer.error);
  const auto info = json::parse(answer.json);
  const auto& config = object_at(info, "config");
  return {true,
          number_at(info, "num_pending"),
          number_at(info, "num_ack_pending"),
          number_at(info, "num_redelivered"),
          number_at(object_at(info, "ack_floor"), "stream_seq"),
          number_at(object_at(info, "delivered"), "stream_seq"),
          std::chrono::duration_cast<std::chrono::milliseconds>(
              std::chrono::nanoseconds(number_at(config, "ack_wait"))),
          number_at(config, "max_deliver"),
          parse_time(text_at(info, "created"))};
}

std::vector<std::string> ask_consumer_names(session& through, std::string_view stream) {
  const auto what = "CONSUMER.NAMES." + checked_name(stream);
  std::vector<std::string> result;
  for (;;) {
    const auto answer =
        ask_jetstream(through, what, "{\"offset\":" + std::to_string(result.size()) + "}");
    if (answer.code == api_stream_not_found)
      return {};
    if (!answer.error.empty())
      fail(what, answer.error);
    const auto page = json::parse(answer.json);
    const auto names = page.value("consumers", std::vector<std::string>{});
    result.insert(result.end(), names.begin(), names.end());
    if (names.empty() || result.size() >= number_at(page, "total"))
      return result;
  }
}

std::optional<stored_message> ask_message(session& through, std::string_view stream,
                                          std::uint64_t seq) {
  const auto what = "STREAM.MSG.GET." + checked_name(stream);
  const auto answer = ask_jetstream(through, what, "{\"seq\":" + std::to_string(seq) + "}");
  if (answer.code == api_message_not_found)
    return std::nullopt;
  if (!answer.error.empty())
    fail(what, answer.error);
  const auto info = json::parse(answer.json);
  const auto& message = object_at(info, "message");
  return stored_message{.seq = number_at(message, "seq"),
                        .stored_at_ns = parse_time(text_at(message, "time")),
                        .subject = text_at(message, "subject"),
                        .payload = decode_base64(text_at(message, "data")),
                        .headers = parse_headers(decode_base64(text_at(message, "hdrs")))};
}

} // namespace ledgerd
