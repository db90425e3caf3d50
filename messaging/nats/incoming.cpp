#include "messaging/nats/incoming.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "messaging/nats/js_answers.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t tokens_max = 13;
constexpr std::size_t shown_of_answer = 200;

// JetStream's refusals of this message for its size, or that of its headers. All other errors are
// the world's: a stream that is full, away, sealed or short of something may take it another time.
bool is_refusal_for_size(int code) noexcept {
  constexpr int message_too_large = 10054;
  constexpr int headers_too_large = 10097;
  return code == message_too_large || code == headers_too_large;
}

// The name in `{"stream":"NAME", "seq":N}` and nothing else: the usual answer, read without a
// parser. Empty: it is another one.
std::string_view stream_of_plain_answer(std::string_view json) noexcept {
  constexpr std::string_view head = R"({"stream":")";
  if (!json.starts_with(head) || !json.ends_with('}'))
    return {};
  json.remove_prefix(head.size());
  json.remove_suffix(1);
  const auto stream = json.substr(0, json.find('"'));
  if (stream.size() == json.size() || stream.find('\\') != std::string_view::npos)
    return {};
  json.remove_prefix(stream.size() + 1);
  constexpr std::string_view seq = R"("seq":)";
  if (!json.starts_with(','))
    return {};
  json.remove_prefix(json.starts_with(", ") ? 2 : 1);
  if (!json.starts_with(seq))
    return {};
  const auto number = parse_number(json.substr(seq.size()));
  return number && *number > 0 ? stream : std::string_view();
}

} // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::optional<receipt_facts> parse_receipt(std::string_view subject) noexcept {
  std::array<std::string_view, tokens_max> tokens;
  std::size_t count = 0;
  for (std::size_t begin = 0;;) {
    const auto dot = subject.find('.', begin);
    const auto token = subject.substr(begin, dot == std::string_view::npos ? dot : dot - begin);
    if (token.empty() || count == tokens_max)
      return std::nullopt;
    tokens[count++] = token;
    if (dot == std::string_view::npos)
      break;
    begin = dot + 1;
  }
  if ((count != 9 && count != 11 && count != 12) || tokens[0] != "$JS" || tokens[1] != "ACK")
    return std::nullopt;
  const std::size_t first = count == 9 ? 2 : 4;
  std::array<std::uint64_t, 5> numbers;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto number = parse_number(tokens[first + 2 + i]);
    if (!number)
      return std::nullopt;
    numbers[i] = *number;
  }
  const auto [deliveries, stream_seq, consumer_seq, timestamp, pending] = numbers;
  if (deliveries == 0 || stream_seq == 0 || consumer_seq == 0)
    return std::nullopt;
  return receipt_facts{.stream = tokens[first],
                       .consumer = tokens[first + 1],
                       .deliveries = deliveries,
                       .stream_seq = stream_seq,
                       .consumer_seq = consumer_seq,
                       .stored_at_ns = static_cast<std::int64_t>(timestamp),
                       .pending = pending};
}

std::uint64_t reply_number(std::string_view subject) noexcept {
  return parse_number(subject.substr(subject.rfind('.') + 1)).value_or(0); // npos + 1 is 0
}

std::optional<std::uint64_t> aside_number(std::string_view subject) noexcept {
  const auto token = subject.substr(subject.rfind('.') + 1); // npos + 1 is 0
  return token.starts_with(aside_mark) ? parse_number(token.substr(1)) : std::nullopt;
}

publish_answer parse_publish_answer(std::string_view json,
                                    std::span<const std::string_view> known) {
  if (const auto plain = stream_of_plain_answer(json); !plain.empty()) {
    const auto found = std::find(known.begin(), known.end(), plain);
    if (found != known.end())
      return {publish_outcome::confirmed, {}, {}, *found};
    return {publish_outcome::confirmed, {}, std::string(plain)};
  }
  int code = 0;
  auto error = parse_api_error(json, code);
  const auto answer = nlohmann::json::parse(json, nullptr, false);
  const auto stream =
      answer.is_object() && answer.contains("stream") && answer["stream"].is_string()
          ? answer["stream"].get<std::string>()
          : std::string();
  if (!error.empty() && !stream.empty())
    error += " (stream " + stream + ")";
  if (!error.empty())
    return {is_refusal_for_size(code)   ? publish_outcome::too_large
            : code == api_id_in_process ? publish_outcome::mislaid
                                        : publish_outcome::declined,
            std::move(error), stream};
  const bool known_before =
      answer.is_object() && answer.contains("duplicate") && answer["duplicate"] == true;
  if (!stream.empty() && answer.contains("seq") && answer["seq"].is_number_unsigned()) {
    if (const auto seq = answer["seq"].get<std::uint64_t>(); seq > 0)
      return {.outcome = publish_outcome::confirmed,
              .stream = stream,
              .known_seq = known_before ? seq : 0};
    if (known_before)
      return {publish_outcome::mislaid,
              "the stream " + stream
                  + " knows the message's id, and no message of it (duplicate, seq 0)",
              stream};
  }
  return {publish_outcome::unconfirmed,
          "an answer that is not a PubAck: " + std::string(json.substr(0, shown_of_answer))};
}

std::optional<std::size_t> parse_message_limit(std::string_view json) {
  const auto answer = nlohmann::json::parse(json, nullptr, false);
  if (!answer.is_object() || !answer.contains("config") || !answer["config"].is_object())
    return std::nullopt;
  const auto found = answer["config"].find("max_msg_size");
  if (found == answer["config"].end() || !found->is_number_integer()
      || found->get<std::int64_t>() <= 0)
    return std::nullopt;
  return static_cast<std::size_t>(found->get<std::int64_t>());
}

std::string parse_known_payload(std::string_view json) {
  return parse_stored_message(json).payload;
}

std::string parse_api_error(std::string_view json, int& error_code) {
  error_code = 0;
  const auto answer = nlohmann::json::parse(json, nullptr, false);
  if (!answer.is_object())
    return "an answer that is not a JSON object";
  const auto found = answer.find("error");
  if (found == answer.end())
    return {};
  if (!found->is_object())
    return "an error without description";
  auto number = [&](const char* key) {
    const auto at = found->find(key);
    return at != found->end() && at->is_number_integer() ? at->get<int>() : 0;
  };
  error_code = number("err_code") != 0 ? number("err_code") : number("code");
  const auto text = found->find("description");
  return text != found->end() && text->is_string() && !text->get_ref<const std::string&>().empty()
             ? text->get<std::string>()
             : "error " + std::to_string(error_code);
}

// The library keeps subject, reply, block and payload of a received message one behind the other in
// one piece of memory, each with a zero byte at its end, and hands out all but the block. That is
// so in all its versions, and the tests against a broker would show when it no longer is. A subject
// with a zero byte in it only lengthens the block's first line, which is no header.
std::string_view header_block_of(const nats_message* message) noexcept {
  const char* before = natsMsg_GetReply(message);
  if (before == nullptr)
    before = natsMsg_GetSubject(message);
  const char* payload = natsMsg_GetData(message);
  if (before == nullptr || payload == nullptr)
    return {};
  const char* begin = before + std::strlen(before) + 1;
  return begin < payload ? std::string_view(begin, static_cast<std::size_t>(payload - begin) - 1)
                         : std::string_view();
}

std::vector<header> copy_headers(const nats_message* message, header_choice which) {
  return parse_headers(header_block_of(message), which);
}

std::string_view header_value(const nats_message* message, std::string_view name) noexcept {
  return header_value_in(header_block_of(message), name);
}

status_line status_of(const nats_message* message) noexcept {
  const auto text = header_walk(header_block_of(message)).status();
  const auto code = text.substr(0, text.find(' '));
  const auto description = text.find_first_not_of(' ', code.size());
  return {code, description == text.npos ? std::string_view() : text.substr(description)};
}

bool is_no_responders(const nats_message* message) noexcept {
  return payload_of(message).empty() && status_of(message).code == "503";
}

std::string_view subject_of(const nats_message* message) noexcept {
  return natsMsg_GetSubject(message);
}

std::string_view reply_of(const nats_message* message) noexcept {
  const char* reply = natsMsg_GetReply(message);
  return reply == nullptr ? std::string_view() : reply;
}

std::string_view payload_of(const nats_message* message) noexcept {
  const auto size = natsMsg_GetDataLength(message);
  return size <= 0 ? std::string_view()
                   : std::string_view(natsMsg_GetData(message), static_cast<std::size_t>(size));
}

void message_deleter::operator()(nats_message* message) const noexcept {
  natsMsg_Destroy(message);
}

} // namespace ledgerd
