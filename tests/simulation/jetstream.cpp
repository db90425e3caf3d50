#include "tests/simulation/jetstream.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "tests/simulation/jetstream_api.hpp"

namespace ledgerd::sim {

namespace {

constexpr milliseconds tick_every{50};

std::vector<std::string_view> tokens_of(std::string_view subject) {
  std::vector<std::string_view> result;
  for (;;) {
    const auto dot = subject.find('.');
    result.push_back(subject.substr(0, dot));
    if (dot == std::string_view::npos)
      return result;
    subject.remove_prefix(dot + 1);
  }
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

std::size_t size_of(const packet& one) {
  auto sum = one.subject.size() + one.reply.size() + one.payload.size();
  for (const auto& each : one.headers)
    sum += each.name.size() + each.value.size() + 4;
  return sum;
}

} // namespace

bool matches(const consumer& what, std::string_view subject) {
  return what.filter.empty() || falls_under(what.filter, subject);
}

bool is_settled(const stream& of, const kept_message& one) {
  bool taken = false;
  for (const auto& [name, at] : of.consumers) {
    if (!at->settles || !matches(*at, one.what.subject))
      continue;
    taken = true;
    if (one.seq > at->delivered_stream || at->pending.contains(one.seq))
      return false;
  }
  return taken;
}

void consumer::limit_deliveries(std::uint64_t most) {
  deliver_max = most;
  auto changed = nlohmann::json::parse(config);
  changed["max_deliver"] = most;
  config = changed.dump();
}

std::size_t consumer::requests_of(owner_id whom) const {
  return static_cast<std::size_t>(std::count_if(
      requests.begin(), requests.end(), [=](const auto& each) { return each.owner == whom; }));
}

void stream::tell_limits() {
  const auto limit = [](std::size_t most) {
    return most == 0 ? std::int64_t{-1} : static_cast<std::int64_t>(most);
  };
  auto changed = nlohmann::json::parse(config);
  changed["max_msgs"] = limit(messages_max);
  changed["max_bytes"] = limit(bytes_max);
  changed["max_age"] = age_max.count();
  changed["discard"] = discards_new ? "new" : "old";
  config = changed.dump();
}

jetstream::jetstream(machine& on, network& by) : on_(on), by_(by), next_tick_(on.now) {
  by_.takes = [this](connection* from, packet& one) { return take(from, one); };
}

stream* jetstream::find(std::string_view name) {
  const auto found = streams.find(std::string{name});
  return found == streams.end() ? nullptr : found->second.get();
}

consumer* jetstream::find(std::string_view in, std::string_view name) {
  auto* of = find(in);
  if (of == nullptr)
    return nullptr;
  const auto found = of->consumers.find(std::string{name});
  return found == of->consumers.end() ? nullptr : found->second.get();
}

std::int64_t jetstream::wall_ns() const {
  const auto before = std::exchange(on_.running, nobody);
  const auto result = on_.wall_now().count();
  on_.running = before;
  return result;
}

void jetstream::send(const std::string& subject, std::string payload, std::vector<header> headers) {
  packet one{.subject = subject, .payload = std::move(payload), .headers = std::move(headers)};
  by_.route(one);
}

bool jetstream::take(connection* by, packet& one) {
  constexpr std::string_view api = "$JS.API.";
  if (one.subject.starts_with("$JS.ACK.")) {
    settle(by, one);
    return true;
  }
  if (one.subject.starts_with("$JS.API.CONSUMER.MSG.NEXT.")) {
    const auto tokens = tokens_of(one.subject);
    auto* of = tokens.size() == 7 ? find(tokens[5]) : nullptr;
    auto* at = of != nullptr ? find(tokens[5], tokens[6]) : nullptr;
    if (at != nullptr && at->led)
      ask(by, *at, *of, one);
    else if (!one.reply.empty() && (at == nullptr || at->told_so))
      by_.route({.subject = one.reply, .headers = {{"Status", "503"}}});
    return true;
  }
  if (one.subject.starts_with(api)) {
    jetstream_api{*this}.answer(std::string_view{one.subject}.substr(api.size()), one);
    return true;
  }
  for (auto& [name, each] : streams)
    for (const auto& subject : each->subjects)
      if (falls_under(subject, one.subject)) {
        store(by, *each, one);
        return true;
      }
  return false;
}

// -- storing

void jetstream::answer_publish(connection* by, const std::string& reply, std::string text) {
  if (reply.empty())
    return;
  const auto& faults = by_.faults;
  auto& dice = on_.random;
  if (by != nullptr && dice.percent(faults.lose_puback)) {
    ++by_.seen["PubAck lost"];
    return;
  }
  if (by != nullptr && dice.percent(faults.double_puback)) {
    ++by_.seen["PubAck twice"];
    send(reply, text);
  }
  if (by == nullptr || !dice.percent(faults.late_puback))
    return send(reply, std::move(text));
  ++by_.seen["PubAck late"];
  on_.start(nobody, [this, reply, text = std::move(text)] {
    on_.sleep(on_.random.between(milliseconds{100}, milliseconds{7000}));
    send(reply, text);
  });
}

void jetstream::store(connection* by, stream& in, packet& one) {
  if (by != nullptr && on_.random.percent(by_.faults.lose_publish)) {
    ++by_.seen["publication lost"];
    one.reply.clear();
    return;
  }
  const auto reply = std::exchange(one.reply, {});
  const auto head = "{\"stream\":\"" + in.name + "\", \"seq\":";
  const std::string id{one.value_of("Nats-Msg-Id")};
  const auto now = wall_ns();
  if (const auto known = in.known.find(id);
      !id.empty() && known != in.known.end() && now - known->second.second < in.window.count())
    return answer_publish(by, reply,
                          head + std::to_string(known->second.first) + ",\"duplicate\": true}");
  const auto size = size_of(one);
  if (in.refuses(size))
    return answer_publish(
        by, reply,
        R"({"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":")"
            + in.name + R"(","seq":0})");
  const auto seq = ++in.last_seq;
  in.messages.emplace(seq, kept_message{seq, one, now});
  in.bytes += size;
  if (!id.empty()) {
    in.known[id] = {seq, now};
    in.ever_stored.insert(id);
  }
  answer_publish(by, reply, head + std::to_string(seq) + "}");
  for (auto& [name, each] : in.consumers)
    if (matches(*each, one.subject)) {
      ++each->waiting;
      serve(in, *each);
    }
  trim(in);
}

// -- deleting

void jetstream::erase(stream& of, std::uint64_t seq) {
  const auto found = of.messages.find(seq);
  if (found == of.messages.end())
    return;
  for (auto& [name, each] : of.consumers) {
    if (seq > each->delivered_stream && matches(*each, found->second.what.subject))
      each->waiting -= std::min<std::uint64_t>(each->waiting, 1);
    each->pending.erase(seq);
    each->deliveries.erase(seq);
  }
  of.bytes -= std::min(of.bytes, size_of(found->second.what));
  of.messages.erase(found);
}

void jetstream::trim(stream& of) {
  const auto too_old = wall_ns() - of.age_max.count();
  const auto is_beyond = [&] {
    const bool crowded = (of.messages_max > 0 && of.messages.size() > of.messages_max)
                         || (of.bytes_max > 0 && of.bytes > of.bytes_max);
    return (crowded && !of.discards_new)
           || (of.age_max.count() > 0 && of.messages.begin()->second.stored_at_ns < too_old);
  };
  while (!of.messages.empty() && is_beyond()) {
    ++by_.seen["deleted by a limit"];
    const auto& [seq, one] = *of.messages.begin();
    if (on_expunge)
      on_expunge(of, one, is_settled(of, one));
    erase(of, seq);
  }
}

// -- settling

void jetstream::settle(connection* by, const packet& one) {
  if (by != nullptr && on_.random.percent(by_.faults.lose_ack)) {
    ++by_.seen["settlement lost"];
    by_.note_trouble(by->owner);
    return;
  }
  const auto tokens = tokens_of(one.subject);
  if (tokens.size() != 9)
    return;
  auto* of = find(tokens[2]);
  auto* at = find(tokens[2], tokens[3]);
  if (at == nullptr)
    return;
  if (!at->led) {
    if (!one.reply.empty() && at->told_so)
      by_.route({.subject = one.reply, .headers = {{"Status", "503"}}});
    return;
  }
  const auto seq = number_of(tokens[5]);
  if (by != nullptr && (one.payload == "+ACK" || one.payload == "+TERM"))
    note_strange(*of, *at, seq, tokens[7], by->owner);
  settle(*at, seq, one.payload);
  if (!one.reply.empty())
    by_.route({.subject = one.reply});
  serve(*of, *at);
}

// Nothing in an acknowledgement says which life of the stream it is for, and the server does not
// ask. A node must not send one once it has heard of the new life, which takes it a moment, and
// longer while its link is in trouble.
void jetstream::note_strange(stream& of, const consumer& at, std::uint64_t seq,
                             std::string_view stored, owner_id by) {
  const auto found = of.messages.find(seq);
  if (found == of.messages.end() || !at.pending.contains(seq)
      || number_of(stored) == static_cast<std::uint64_t>(found->second.stored_at_ns))
    return;
  ++by_.seen["settled from an earlier life"];
  constexpr milliseconds moment{2000};
  if (on_.now - of.made_at < moment || by_.troubled(by) + moment >= of.made_at)
    of.excused.insert(seq);
}

void jetstream::settle(consumer& at, std::uint64_t seq, std::string_view how) {
  const auto found = at.pending.find(seq);
  if (found == at.pending.end())
    return;
  if (how == "+WPI") {
    found->second.deadline = on_.now + at.ack_wait;
    ++by_.seen["lease renewed"];
  } else if (how == "-NAK") {
    if (!std::exchange(found->second.queued, true))
      at.again.push_back(seq);
  } else if (how.starts_with("-NAK")) {
    if (!std::exchange(found->second.queued, true))
      at.again_later.emplace(on_.now + std::chrono::seconds{30}, seq);
  } else {
    at.settled_lately.push_back({on_.now, seq, found->second.since, at.deliveries[seq]});
    at.pending.erase(found);
    at.deliveries.erase(seq);
  }
}

// -- handing out

void jetstream::ask(connection* by, consumer& at, stream& of, const packet& one) {
  const auto body = nlohmann::json::parse(one.payload, nullptr, false);
  if (!body.is_object() || by == nullptr)
    return;
  const auto number = [&](const char* key) { return body.value(key, std::int64_t{0}); };
  pull_request next{.reply = one.reply,
                    .owner = by->owner,
                    .batch = static_cast<std::size_t>(std::max<std::int64_t>(number("batch"), 1)),
                    .bytes = static_cast<std::size_t>(number("max_bytes")),
                    .limited = number("max_bytes") > 0,
                    .expires = on_.now + nanoseconds{number("expires")},
                    .heartbeat = nanoseconds{number("idle_heartbeat")},
                    .next_heartbeat = on_.now + nanoseconds{number("idle_heartbeat")}};
  at.requests.push_back(std::move(next));
  if (on_pull)
    on_pull(of, at, by->owner);
  serve(of, at);
}

void jetstream::give_up(stream& of, consumer& at, std::uint64_t seq) {
  ++by_.seen["given up by a consumer"];
  const auto deliveries = at.deliveries[seq];
  at.pending.erase(seq);
  packet advisory{
      .subject = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES." + of.name + "." + at.name,
      .payload = R"({"type":"io.nats.jetstream.advisory.v1.max_deliver","stream":")" + of.name
                 + R"(","consumer":")" + at.name + R"(","stream_seq":)" + std::to_string(seq)
                 + R"(,"deliveries":)" + std::to_string(deliveries) + "}"};
  take(nullptr, advisory);
}

const kept_message* jetstream::next_for(stream& of, consumer& to) {
  while (!to.again.empty()) {
    const auto seq = to.again.front();
    const auto held = to.pending.find(seq);
    const auto found = of.messages.find(seq);
    const bool stays = held != to.pending.end() && held->second.queued;
    const bool spent = stays && to.deliver_max > 0 && to.deliveries[seq] >= to.deliver_max;
    if (stays && !spent && found != of.messages.end())
      return &found->second;
    to.again.pop_front();
    if (spent)
      give_up(of, to, seq);
    else if (stays)
      to.pending.erase(held); // deleted meanwhile
  }
  if (to.settles && to.pending.size() >= to.ack_pending_max)
    return nullptr;
  for (auto next = of.messages.upper_bound(to.delivered_stream); next != of.messages.end(); ++next)
    if (matches(to, next->second.what.subject))
      return &next->second;
  return nullptr;
}

void jetstream::hand_out(stream& of, consumer& to, pull_request& by, const kept_message& one) {
  if (!to.again.empty() && to.again.front() == one.seq) {
    to.again.pop_front();
    ++by_.seen["delivered again"];
  } else {
    to.delivered_stream = one.seq;
    to.waiting -= std::min<std::uint64_t>(to.waiting, 1);
  }
  const auto consumer_seq = ++to.delivered_consumer;
  const auto count = ++to.deliveries[one.seq];
  if (to.settles)
    to.pending[one.seq] = {consumer_seq, on_.now, on_.now + to.ack_wait,
                           by.owner,     false,   size_of(one.what)};
  packet copy = one.what;
  if (to.headers_only) {
    copy.headers.push_back({"Nats-Msg-Size", std::to_string(copy.payload.size())});
    copy.payload.clear();
  }
  copy.reply = "$JS.ACK." + of.name + "." + to.name + "." + std::to_string(count) + "."
               + std::to_string(one.seq) + "." + std::to_string(consumer_seq) + "."
               + std::to_string(one.stored_at_ns) + "." + std::to_string(to.waiting);
  by_.deliver(by.reply, std::move(copy));
  if (on_delivery)
    on_delivery(of, to, one, by.owner);
  --by.batch;
  by.next_heartbeat = on_.now + by.heartbeat;
}

void jetstream::end(const pull_request& one, std::string_view status, std::string_view why) {
  std::vector<header> headers{{"Status", std::string{status}}, {"Description", std::string{why}}};
  headers.push_back({"Nats-Pending-Messages", std::to_string(one.batch)});
  headers.push_back({"Nats-Pending-Bytes", std::to_string(one.limited ? one.bytes : 0)});
  send(one.reply, {}, std::move(headers));
}

void jetstream::serve(stream& of, consumer& to) {
  while (!to.requests.empty()) {
    const auto* next = next_for(of, to);
    if (next == nullptr)
      return;
    auto request = std::move(to.requests.front());
    to.requests.pop_front();
    if (!by_.listens(request.reply) || request.expires <= on_.now)
      continue;
    const auto size = size_of(next->what) + 80; // the reply's subject
    if (request.limited && request.bytes < size) {
      ++by_.seen["pull request without bytes left"];
      end(request, "409", "Message Size Exceeds MaxBytes");
      continue;
    }
    request.bytes -= request.limited ? size : 0;
    hand_out(of, to, request, *next);
    if (request.batch > 0)
      to.requests.push_back(std::move(request));
  }
}

// -- time

void jetstream::tick(stream& of, consumer& at) {
  const auto now = on_.now;
  if (!at.led)
    return;
  for (auto& [seq, each] : at.pending) {
    if (each.queued || each.deadline > now)
      continue;
    if (const auto found = of.messages.find(seq); on_expiry && found != of.messages.end())
      on_expiry(of, at, found->second, each);
    ++by_.seen["lease ran out"];
    each.queued = true;
    at.again.push_back(seq);
  }
  while (!at.again_later.empty() && at.again_later.begin()->first <= now) {
    at.again.push_back(at.again_later.begin()->second);
    at.again_later.erase(at.again_later.begin());
  }
  while (!at.settled_lately.empty()
         && at.settled_lately.front().when + settled_written_within < now)
    at.settled_lately.pop_front();
  for (auto request = at.requests.begin(); request != at.requests.end();) {
    if (request->expires <= now || !by_.listens(request->reply)) {
      if (request->expires <= now)
        end(*request, "408", "Request Timeout");
      request = at.requests.erase(request);
      continue;
    }
    if (request->heartbeat.count() > 0 && request->next_heartbeat <= now) {
      request->next_heartbeat = now + request->heartbeat;
      send(request->reply, {}, {{"Status", "100"}, {"Description", "Idle Heartbeat"}});
    }
    ++request;
  }
}

void jetstream::pass() {
  if (next_tick_ > on_.now)
    return;
  next_tick_ = on_.now + tick_every;
  if (!by_.is_up())
    return;
  for (auto& [name, each] : streams) {
    if (each->age_max.count() > 0)
      trim(*each);
    for (auto& [consumer_name, at] : each->consumers) {
      tick(*each, *at);
      serve(*each, *at);
    }
  }
}

} // namespace ledgerd::sim
