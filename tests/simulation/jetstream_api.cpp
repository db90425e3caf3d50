#include "tests/simulation/jetstream_api.hpp"

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace ledgerd::sim {

namespace {

using nlohmann::json;

std::string fault(int code, int number, const char* text) {
  return json{{"type", "io.nats.jetstream.api.v1.error"},
              {"error", {{"code", code}, {"err_code", number}, {"description", text}}}}
      .dump();
}

std::string no_stream() {
  return fault(404, 10059, "stream not found");
}

std::string no_consumer() {
  return fault(404, 10014, "consumer not found");
}

std::string tell_unled(dice& random) {
  switch (random.below(3)) {
  case 0:
    return fault(503, 10008, "JetStream system temporarily unavailable");
  case 1:
    return fault(500, 10119, "consumer is offline");
  default:
    return {};
  }
}

std::string time_text(std::int64_t ns) {
  const std::chrono::sys_time<std::chrono::nanoseconds> time{std::chrono::nanoseconds{ns}};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02lld:%02lld:%02lld.%09lldZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<long long>(clock.hours().count()),
                static_cast<long long>(clock.minutes().count()),
                static_cast<long long>(clock.seconds().count()),
                static_cast<long long>(clock.subseconds().count()));
  return text;
}

std::int64_t parse_time_text(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  long long fraction = 0;
  if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d.%lldZ", &year, &month, &day, &hour, &minute,
                  &second, &fraction)
      < 6)
    return 0;
  using namespace std::chrono;
  const sys_days at = std::chrono::year{year} / month / day;
  return duration_cast<nanoseconds>(at.time_since_epoch() + hours{hour} + minutes{minute}
                                    + seconds{second})
             .count()
         + fraction;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto part = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (j < part.size() ? static_cast<unsigned char>(part[j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      result.push_back(j <= part.size() ? letters[bits >> (18 - 6 * j) & 63] : '=');
  }
  return result;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> result;
  for (;;) {
    const auto dot = text.find('.');
    result.push_back(text.substr(0, dot));
    if (dot == std::string_view::npos)
      return result;
    text.remove_prefix(dot + 1);
  }
}

json state_of(const stream& what) {
  return {{"messages", what.messages.size()},
          {"bytes", what.bytes},
          {"first_seq", what.messages.empty() ? what.last_seq + 1 : what.messages.begin()->first},
          {"last_seq", what.last_seq},
          {"consumer_count", what.consumers.size()}};
}

// The configuration is JSON already.
std::string with_config(const json& told, const std::string& config) {
  auto text = told.dump();
  text.pop_back();
  return text + R"(,"config":)" + config + "}";
}

std::string consumer_info(const stream& of, const consumer& what) {
  const json told{
      {"type", "io.nats.jetstream.api.v1.consumer_info_response"},
      {"stream_name", of.name},
      {"name", what.name},
      {"created", time_text(what.created_ns)},
      {"delivered",
       {{"consumer_seq", what.delivered_consumer}, {"stream_seq", what.delivered_stream}}},
      {"ack_floor", {{"consumer_seq", 0}, {"stream_seq", what.floor()}}},
      {"num_ack_pending", what.pending.size()},
      {"num_redelivered", 0},
      {"num_waiting", what.requests.size()},
      {"num_pending", what.waiting}};
  return with_config(told, what.config);
}

} // namespace

void jetstream_api::answer(std::string_view what, const packet& asked) {
  const auto part = split(what);
  const auto is = [&](std::size_t at, std::string_view word) {
    return part.size() > at && part[at] == word;
  };
  const auto name = [&](std::size_t at) { return part.size() > at ? part[at] : ""; };
  std::string text;
  const auto& body = asked.payload;
  if (is(0, "STREAM") && is(1, "INFO"))
    text = tell_stream(name(2));
  else if (is(0, "STREAM") && is(1, "CREATE"))
    text = make_stream(name(2), body);
  else if (is(0, "STREAM") && is(1, "DELETE"))
    text = delete_stream(name(2));
  else if (is(0, "STREAM") && is(1, "MSG") && is(2, "GET"))
    text = tell_message(name(3), body);
  else if (is(0, "STREAM") && is(1, "MSG") && is(2, "DELETE"))
    text = delete_message(name(3), body);
  else if (is(0, "CONSUMER") && is(1, "INFO") && !is_led(name(2), name(3)))
    text = tell_unled(of_.on_.random); // by whoever leads the cluster of servers, or by nobody
  else if (is(0, "CONSUMER") && is(1, "INFO"))
    text = tell_consumer(name(2), name(3));
  else if (is(0, "CONSUMER") && is(1, "DURABLE") && is(2, "CREATE"))
    text = make_consumer(name(3), name(4), body);
  else if (is(0, "CONSUMER") && is(1, "CREATE"))
    text = make_consumer(name(2), "", body);
  else if (is(0, "CONSUMER") && is(1, "DELETE"))
    text = delete_consumer(name(2), name(3));
  else if (is(0, "CONSUMER") && is(1, "NAMES"))
    text = tell_names(name(2), body);
  else
    text = fault(400, 10025, "bad request");
  if (!asked.reply.empty() && !text.empty())
    of_.by_.deliver(asked.reply, {.payload = std::move(text)});
}

bool jetstream_api::is_led(std::string_view in, std::string_view name) const {
  const auto* found = of_.find(in, name);
  return found == nullptr || found->led;
}

// -- streams

std::string jetstream_api::tell_stream(std::string_view name) {
  const auto* found = of_.find(name);
  if (found == nullptr)
    return no_stream();
  return with_config({{"type", "io.nats.jetstream.api.v1.stream_info_response"},
                      {"created", time_text(found->created_ns)},
                      {"state", state_of(*found)}},
                     found->config);
}

std::string jetstream_api::make_stream(std::string_view name, const std::string& body) {
  if (of_.find(name) != nullptr)
    return fault(400, 10058, "stream name already in use with a different configuration");
  auto config = json::parse(body);
  config["compression"] = "none";
  auto made = std::make_unique<stream>();
  made->name = name;
  made->subjects = config.value("subjects", std::vector<std::string>{});
  made->created_ns = of_.wall_ns();
  made->window = nanoseconds{config.value("duplicate_window", std::int64_t{120} * 1'000'000'000)};
  config["duplicate_window"] = made->window.count();
  made->config = config.dump();
  of_.streams[std::string{name}] = std::move(made);
  return tell_stream(name);
}

std::string jetstream_api::delete_stream(std::string_view name) {
  if (of_.find(name) == nullptr)
    return no_stream();
  of_.remove(name);
  return R"({"success":true})";
}

// -- consumers

std::string jetstream_api::tell_consumer(std::string_view in, std::string_view name) {
  const auto* of = of_.find(in);
  const auto* found = of_.find(in, name);
  return of == nullptr      ? no_stream()
         : found == nullptr ? no_consumer()
                            : consumer_info(*of, *found);
}

std::string jetstream_api::make_consumer(std::string_view in, std::string_view name,
                                         const std::string& body) {
  auto* of = of_.find(in);
  if (of == nullptr)
    return no_stream();
  if (!name.empty() && of_.find(in, name) != nullptr)
    return tell_consumer(in, name);
  const auto config = json::parse(body).value("config", json::object());
  auto made = std::make_unique<consumer>();
  made->name = name.empty() ? "passing" + std::to_string(of_.on_.random.next()) : std::string{name};
  made->config = config.dump();
  made->filter = config.value("filter_subject", "");
  made->headers_only = config.value("headers_only", false);
  made->settles = config.value("ack_policy", "explicit") != "none";
  made->ack_wait = nanoseconds{config.value("ack_wait", std::int64_t{30} * 1'000'000'000)};
  made->deliver_max = static_cast<std::uint64_t>(
      std::max<std::int64_t>(config.value("max_deliver", std::int64_t{-1}), 0));
  made->ack_pending_max = config.value("max_ack_pending", std::size_t{1000});
  made->created_ns = of_.wall_ns();
  const auto policy = config.value("deliver_policy", "all");
  if (policy == "by_start_sequence")
    made->delivered_stream =
        std::max<std::uint64_t>(config.value("opt_start_seq", std::uint64_t{1}), 1) - 1;
  const auto since =
      policy == "by_start_time" ? parse_time_text(config.value("opt_start_time", "")) : 0;
  for (const auto& [seq, each] : of->messages) {
    if (each.stored_at_ns < since)
      made->delivered_stream = seq;
    else if (seq > made->delivered_stream && matches(*made, each.what.subject))
      ++made->waiting;
  }
  const auto told = consumer_info(*of, *made);
  of_.by_.seen["consumer made again"] += of_.missing_.erase(made->name);
  made->made_at = of_.on_.now;
  of->consumers[made->name] = std::move(made);
  return told;
}

std::string jetstream_api::delete_consumer(std::string_view in, std::string_view name) {
  if (of_.find(in, name) == nullptr)
    return no_consumer();
  of_.remove(*of_.find(in), std::string{name});
  return R"({"success":true})";
}

std::string jetstream_api::tell_names(std::string_view in, const std::string& body) {
  const auto* of = of_.find(in);
  if (of == nullptr)
    return no_stream();
  const auto asked = json::parse(body, nullptr, false);
  const auto offset = asked.is_object() ? asked.value("offset", std::size_t{0}) : 0;
  auto names = json::array();
  std::size_t place = 0;
  for (const auto& [name, each] : of->consumers)
    if (place++ >= offset)
      names.push_back(name);
  return json{{"total", of->consumers.size()}, {"offset", offset}, {"consumers", names}}.dump();
}

// -- messages

std::string jetstream_api::tell_message(std::string_view in, const std::string& body) {
  const auto* of = of_.find(in);
  if (of == nullptr)
    return no_stream();
  const auto found = of->messages.find(json::parse(body).value("seq", std::uint64_t{0}));
  if (found == of->messages.end())
    return fault(404, 10037, "no message found");
  const auto& one = found->second;
  json message{{"subject", one.what.subject},
               {"seq", one.seq},
               {"data", base64(one.what.payload)},
               {"time", time_text(one.stored_at_ns)}};
  if (!one.what.headers.empty()) {
    std::string block = "NATS/1.0\r\n";
    for (const auto& each : one.what.headers)
      block += each.name + ": " + each.value + "\r\n";
    message["hdrs"] = base64(block + "\r\n");
  }
  return json{{"message", message}}.dump();
}

std::string jetstream_api::delete_message(std::string_view in, const std::string& body) {
  auto* of = of_.find(in);
  if (of == nullptr)
    return no_stream();
  const auto seq = json::parse(body).value("seq", std::uint64_t{0});
  if (!of->messages.contains(seq))
    return fault(404, 10043, "sequence not found");
  of_.erase(*of, seq);
  return R"({"success":true})";
}

} // namespace ledgerd::sim
