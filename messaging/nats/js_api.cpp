#include "messaging/nats/js_api.hpp"

#include <algorithm>
#include <nats/nats.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <variant>

#include "messaging/broker.hpp"
#include "messaging/nats/incoming.hpp"

namespace ledgerd {

namespace {

std::string failed(const std::string& what, const std::string& why) {
  return "JetStream, " + what + ": " + why;
}

[[noreturn]] void fail(const std::string& what, const std::string& why) {
  throw std::runtime_error(failed(what, why));
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

jetstream_answer ask_jetstream(session& through, const std::string& what, const std::string& body,
                               std::chrono::milliseconds at_most) {
  natsMsg* raw = nullptr;
  const auto subject = api_subject(through, what);
  const auto status = natsConnection_RequestString(&raw, through.raw(), subject.c_str(),
                                                   body.c_str(), at_most.count());
  const message_ptr message(raw);
  if (status == NATS_NO_RESPONDERS)
    throw no_answer(failed(what, "nobody answers on " + subject + "; is JetStream enabled there?"));
  if (status != NATS_OK)
    throw no_answer(failed(what, nats_error_text(status)));
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

namespace {

constexpr std::chrono::milliseconds second_look{1500};
constexpr std::chrono::milliseconds election_pause{200};
constexpr std::chrono::milliseconds election_patience{1000};

bool is_offline(int code) {
  return code == api_stream_offline || code == api_consumer_offline
         || code == api_stream_offline_since || code == api_consumer_offline_since;
}

// What nobody answers for, and why.
struct silence {
  std::string why;
  bool exists = false; // a server says so
};

std::variant<jetstream_answer, silence> hear(session& through, const std::string& what,
                                             std::chrono::milliseconds at_most) {
  using clock = std::chrono::steady_clock;
  const auto until = clock::now() + at_most;
  for (bool electing = false;; std::this_thread::sleep_for(election_pause)) {
    const auto left = std::chrono::floor<std::chrono::milliseconds>(until - clock::now());
    if (electing && left < election_pause)
      return silence{failed(what, "it has no leader just now"), true};
    try {
      // A new leader is quiet until it has gone through its log.
      auto answer =
          ask_jetstream(through, what, "", electing ? std::min(left, election_patience) : at_most);
      if (answer.code == api_unavailable || is_offline(answer.code))
        return silence{failed(what, answer.error), is_offline(answer.code)};
      if (!parse_leaderless(answer.json))
        return answer;
      electing = true;
    } catch (const no_answer& none) {
      if (!electing)
        return silence{none.what()};
    }
  }
}

// The names are told by whoever leads the cluster of servers. Who may not ask for them does not
// know. Of a stream itself: that they are told.
bool is_listed(session& through, std::string_view stream, std::optional<std::string_view> durable) {
  try {
    const auto names = ask_consumer_names(through, stream, second_look);
    return names && (!durable || std::find(names->begin(), names->end(), *durable) != names->end());
  } catch (const std::runtime_error&) {
    return false;
  }
}

// Asked twice: a new leader may just be found, and a broker that was away as a whole be back.
jetstream_answer ask_info(session& through, const std::string& what, const std::string& who,
                          std::string_view stream, std::optional<std::string_view> durable) {
  constexpr std::chrono::seconds patience{5};
  auto heard = hear(through, what, patience);
  if (const auto* first = std::get_if<silence>(&heard); first != nullptr && !first->exists) {
    if (!is_listed(through, stream, durable))
      throw no_answer(first->why);
    heard = hear(through, what, second_look);
  }
  if (const auto* why = std::get_if<silence>(&heard))
    throw part_silent(who + ": no server answers for it, or this user may not ask (" + why->why
                      + ")");
  return std::get<jetstream_answer>(std::move(heard));
}

} // namespace

jetstream_answer ask_stream_info(session& through, std::string_view name) {
  const auto known = checked_name(name);
  return ask_info(through, "STREAM.INFO." + known, "stream " + known, name, std::nullopt);
}

jetstream_answer ask_consumer_info(session& through, std::string_view stream,
                                   std::string_view durable) {
  const auto of = checked_name(stream);
  const auto known = checked_name(durable);
  return ask_info(through, "CONSUMER.INFO." + of + "." + known,
                  "consumer " + known + " of stream " + of, stream, durable);
}

stream_state ask_stream(session& through, std::string_view name) {
  const auto answer = ask_stream_info(through, name);
  if (answer.code == api_stream_not_found)
    return {};
  if (!answer.error.empty())
    fail("STREAM.INFO." + std::string(name), answer.error);
  return parse_stream_state(answer.json);
}

consumer_state ask_consumer(session& through, std::string_view stream, std::string_view durable) {
  const auto answer = ask_consumer_info(through, stream, durable);
  if (answer.code == api_stream_not_found || answer.code == api_consumer_not_found)
    return {};
  if (!answer.error.empty())
    fail("CONSUMER.INFO." + std::string(stream) + "." + std::string(durable), answer.error);
  return parse_consumer_state(answer.json);
}

std::optional<std::vector<std::string>>
ask_consumer_names(session& through, std::string_view stream, std::chrono::milliseconds at_most) {
  const auto what = "CONSUMER.NAMES." + checked_name(stream);
  std::vector<std::string> result;
  for (;;) {
    const auto answer =
        ask_jetstream(through, what, "{\"offset\":" + std::to_string(result.size()) + "}", at_most);
    if (answer.code == api_stream_not_found)
      return std::nullopt;
    if (!answer.error.empty())
      fail(what, answer.error);
    const auto page = parse_consumer_page(answer.json);
    result.insert(result.end(), page.names.begin(), page.names.end());
    if (page.names.empty() || result.size() >= page.total)
      return result;
  }
}

namespace {

std::optional<stored_message> get_message(session& through, std::string_view stream,
                                          const std::string& which) {
  const auto what = "STREAM.MSG.GET." + checked_name(stream);
  const auto answer = ask_jetstream(through, what, which);
  if (answer.code == api_message_not_found)
    return std::nullopt;
  if (!answer.error.empty())
    fail(what, answer.error);
  return parse_stored_message(answer.json);
}

} // namespace

std::optional<stored_message> ask_message(session& through, std::string_view stream,
                                          std::uint64_t seq) {
  return get_message(through, stream, "{\"seq\":" + std::to_string(seq) + "}");
}

std::optional<stored_message> ask_last_message(session& through, std::string_view stream,
                                               std::string_view subject) {
  return get_message(through, stream, nlohmann::json{{"last_by_subj", subject}}.dump());
}

} // namespace ledgerd
