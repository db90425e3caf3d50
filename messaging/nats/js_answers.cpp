#include "messaging/nats/js_answers.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>

#include "messaging/nats/incoming.hpp"

namespace ledgerd {

namespace {

constexpr std::uint64_t stream_copies_max = 5; // that nats-server keeps
// While much comes, the slower of two copies is never quite "current".
constexpr std::uint64_t silent_copy_ns = 5'000'000'000;
constexpr std::uint64_t lag_of_weak_copy = 1000; // entries

using nlohmann::json;

const json& object_at(const json& object, const char* key) {
  static const json empty = json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : empty;
}

json parse_object(std::string_view text) {
  auto document = json::parse(text, nullptr, false);
  return document.is_object() ? document : json::object();
}

std::uint64_t number_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
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

std::string leader_in(const json& info) {
  return text_at(object_at(info, "cluster"), "leader");
}

std::vector<std::string> weak_copies_in(const json& info) {
  std::vector<std::string> result;
  const auto& cluster = object_at(info, "cluster");
  const auto leads = text_at(cluster, "leader");
  const auto found = cluster.find("replicas");
  std::uint64_t copies = leads.empty() ? 0 : 1;
  if (found != cluster.end() && found->is_array())
    for (const auto& each : *found) {
      const auto flag = [&](const char* key) {
        const auto at = each.find(key);
        return at != each.end() && at->is_boolean() && at->get<bool>();
      };
      if (!each.is_object())
        continue;
      ++copies;
      const auto silent_ns = number_at(each, "active");
      const bool never_heard = silent_ns == 0; // since the leader began
      const bool behind =
          never_heard || silent_ns >= silent_copy_ns || number_at(each, "lag") >= lag_of_weak_copy;
      if (flag("offline") || (!flag("current") && behind))
        result.push_back(text_at(each, "name"));
    }
  const auto wanted = std::min<std::uint64_t>(number_at(object_at(info, "config"), "num_replicas"),
                                              stream_copies_max);
  for (; !leads.empty() && copies < wanted; ++copies)
    result.emplace_back(no_server);
  return result;
}

bool is_tight(std::uint64_t used, std::uint64_t most) {
  return most > 0 && used >= most - most / 10;
}

std::string part_text(std::uint64_t used, std::uint64_t most) {
  return std::to_string(used) + " of " + std::to_string(most);
}

} // namespace

std::int64_t parse_time(std::string_view text) noexcept {
  // 2006-01-02T15:04:05.999999999Z
  constexpr std::size_t fraction_at = 19;
  constexpr std::size_t fraction_digits = 9;
  if (text.size() <= fraction_at || text.back() != 'Z')
    return 0;
  const auto part = [&](std::size_t at, std::size_t size) {
    return static_cast<int>(parse_number(text.substr(at, size)).value_or(0));
  };
  using namespace std::chrono;
  const auto date = year(part(0, 4)) / part(5, 2) / part(8, 2);
  if (!date.ok() || date.year() < year(1678) || date.year() > year(2261))
    return 0;
  const auto whole = sys_days(date).time_since_epoch() + hours(part(11, 2)) + minutes(part(14, 2))
                     + seconds(part(17, 2));
  std::array<char, fraction_digits> fraction;
  fraction.fill('0');
  const auto digits = text.substr(fraction_at, text.size() - fraction_at - 1);
  digits.substr(std::min<std::size_t>(digits.size(), 1)).copy(fraction.data(), fraction_digits);
  return duration_cast<nanoseconds>(whole).count()
         + static_cast<std::int64_t>(parse_number({fraction.data(), fraction.size()}).value_or(0));
}

std::optional<std::int64_t> parse_creation_time(std::string_view text) {
  int code = 0;
  if (!parse_api_error(text, code).empty())
    return code == api_stream_not_found ? std::optional<std::int64_t>(0) : std::nullopt;
  const auto created = parse_time(text_at(parse_object(text), "created"));
  return created != 0 ? std::optional(created) : std::nullopt;
}

std::string parse_leader(std::string_view text) {
  return leader_in(parse_object(text));
}

bool parse_leaderless(std::string_view text) {
  const auto info = parse_object(text);
  return !object_at(info, "cluster").empty() && leader_in(info).empty();
}

std::string parse_cluster(std::string_view text) {
  return text_at(object_at(parse_object(text), "cluster"), "name");
}

stream_state parse_stream_state(std::string_view text) {
  const auto info = parse_object(text);
  const auto& state = object_at(info, "state");
  const auto& config = object_at(info, "config");
  // Every limit is absent, zero or -1 when there is none.
  const bool limited =
      std::ranges::any_of(std::array{"max_age", "max_msgs", "max_bytes", "max_msgs_per_subject"},
                          [&](const char* limit) { return number_at(config, limit) > 0; });
  const bool refuses = text_at(config, "discard") == "new";
  return {true,
          number_at(state, "messages"),
          number_at(state, "bytes"),
          number_at(state, "first_seq"),
          number_at(state, "last_seq"),
          parse_time(text_at(info, "created")),
          limited,
          std::hash<std::string>()(config.dump(-1, ' ', false, json::error_handler_t::replace)),
          !config.contains("compression"),
          refuses ? number_at(config, "max_msgs") : 0,
          refuses ? number_at(config, "max_bytes") : 0,
          leader_in(info),
          parse_time(text_at(object_at(info, "cluster"), "leader_since")),
          weak_copies_in(info)};
}

consumer_state parse_consumer_state(std::string_view text) {
  const auto info = parse_object(text);
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
          parse_time(text_at(info, "created")),
          leader_in(info)};
}

stored_message parse_stored_message(std::string_view text) {
  const auto info = parse_object(text);
  const auto& message = object_at(info, "message");
  return stored_message{.seq = number_at(message, "seq"),
                        .stored_at_ns = parse_time(text_at(message, "time")),
                        .subject = text_at(message, "subject"),
                        .payload = decode_base64(text_at(message, "data")),
                        .headers = parse_headers(decode_base64(text_at(message, "hdrs")))};
}

consumer_page parse_consumer_page(std::string_view text) {
  const auto page = parse_object(text);
  consumer_page result{{}, number_at(page, "total")};
  if (const auto names = page.find("consumers"); names != page.end() && names->is_array())
    for (const auto& name : *names)
      if (name.is_string())
        result.names.push_back(name.get<std::string>());
  return result;
}

std::vector<account_use> parse_account_use(std::string_view text) {
  const auto info = parse_object(text);
  const auto read = [](const json& of, std::string tier) {
    const auto& limits = object_at(of, "limits");
    return account_use{std::move(tier),
                       number_at(of, "storage"),
                       number_at(limits, "max_storage"),
                       number_at(of, "streams"),
                       number_at(limits, "max_streams"),
                       number_at(limits, "max_consumers")};
  };
  std::vector<account_use> result;
  for (const auto& [tier, use] : object_at(info, "tiers").items())
    result.push_back(read(use, tier));
  if (result.empty())
    result.push_back(read(info, ""));
  return result;
}

stream_use_of_account parse_stream_use(std::string_view text) {
  const auto info = parse_object(text);
  const auto replicas = number_at(object_at(info, "config"), "num_replicas");
  return {number_at(object_at(info, "state"), "consumer_count"),
          "R" + std::to_string(std::max<std::uint64_t>(replicas, 1))};
}

std::vector<std::string> tight_limits(const std::vector<account_use>& account) {
  std::vector<std::string> result;
  for (const auto& each : account) {
    const auto beginning =
        "the account on NATS uses" + (each.tier.empty() ? "" : " in its tier " + each.tier) + " ";
    if (is_tight(each.storage, each.storage_max))
      result.push_back(
          beginning + part_text(each.storage, each.storage_max)
          + " bytes of storage (max_file): beyond it streams refuse what is published; "
            "raise the limit or purge what is settled");
    if (is_tight(each.streams, each.streams_max))
      result.push_back(beginning + part_text(each.streams, each.streams_max)
                       + " streams (max_streams): beyond it one that disappears or that a later "
                         "version needs may not be made; raise the limit");
  }
  return result;
}

std::string tight_consumers(const std::vector<account_use>& account, std::string_view stream,
                            const stream_use_of_account& of) {
  for (const auto& each : account)
    if ((each.tier.empty() || each.tier == of.tier) && is_tight(of.consumers, each.consumers_max))
      return "the stream " + std::string(stream) + " has "
             + part_text(of.consumers, each.consumers_max)
             + " consumers that the account on NATS allows for one stream (max_consumers): beyond "
               "it none can be made, and whoever reads the stream makes one; raise the limit";
  return {};
}

} // namespace ledgerd
