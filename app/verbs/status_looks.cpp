#include "app/verbs/status_looks.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "app/base/text.hpp"
#include "app/operations/ask_numbers.hpp"
#include "app/operations/cluster_question.hpp"
#include "app/operations/cluster_report.hpp"
#include "app/verbs/http_client.hpp"
#include "app/verbs/verb_support.hpp"
#include "messaging/topology.hpp"
#include "persistence/rough_totals.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;
using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Between two questions to the nodes, which count twice as often.
constexpr milliseconds between_looks{1000};

// What a part says, or {"error": why}; every part is asked even when another one is away.
ordered_json ask(const std::function<ordered_json()>& question) {
  try {
    return question();
  } catch (const std::exception& e) {
    return {{"error", one_line(e.what())}};
  }
}

std::string fault_in(const ordered_json& part) {
  return part.value("error", std::string{});
}

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json{};
}

ordered_json item_of(std::string_view name, const stream_state& state) {
  return {{"name", name},         {"exists", state.exists},      {"messages", state.messages},
          {"bytes", state.bytes}, {"firstSeq", state.first_seq}, {"lastSeq", state.last_seq}};
}

ordered_json item_of(std::string_view name, const consumer_state& state) {
  return {{"name", name},
          {"exists", state.exists},
          {"pending", state.pending},
          {"ackPending", state.ack_pending},
          {"redelivered", state.redelivered},
          {"delivered", state.delivered},
          {"ackFloor", state.ack_floor}};
}

// Of one that is silent nobody knows the numbers. `fault`: why the first of those is that.
template <class State>
ordered_json silent_item(std::string_view name, const part_silent& why, std::string& fault) {
  auto item = item_of(name, State{});
  for (auto& [key, value] : item.items())
    if (key != "name")
      value = nullptr;
  item["exists"] = true;
  item["error"] = one_line(why.what());
  if (fault.empty())
    fault = item["error"];
  return item;
}

ordered_json look_at_streams(broker& nats, std::string& fault) {
  auto items = ordered_json::array();
  for (const auto name : {names::request_stream, names::result_stream, names::dead_letter_stream,
                          names::exhausted_stream, names::action_stream})
    try {
      items.push_back(item_of(name, nats.stream(name)));
    } catch (const part_silent& why) {
      items.push_back(silent_item<stream_state>(name, why, fault));
    }
  return items;
}

// When the first message of the subject behind this one was stored, which is the oldest without a
// verdict behind the consumer's floor; nothing: there is none.
std::optional<std::int64_t> stored_behind(broker& nats, std::string_view subject,
                                          std::uint64_t seq) {
  std::optional<std::int64_t> result;
  nats.read(names::request_stream, subject, seq + 1, [&](const stored_message& message) {
    result = message.stored_at_ns;
    return false;
  });
  return result;
}

std::int64_t age_ms(std::int64_t since_ns, std::chrono::system_clock::time_point now) {
  const auto passed = now.time_since_epoch() - std::chrono::nanoseconds{since_ns};
  return std::max<std::int64_t>(0, std::chrono::duration_cast<milliseconds>(passed).count());
}

// What waits at the consumers of the requests. Known only if all of them are there.
struct waiting_requests {
  std::uint64_t count = 0;
  std::int64_t oldest_ms = 0;
  bool known = true;
  bool age_known = true;
  bool stream_answers = true; // a consumer may while its stream does not

  void add(broker& nats, const durable_consumer& of, const consumer_state& state) {
    known = known && state.exists;
    const auto here = state.pending + state.ack_pending;
    count += here;
    if (here == 0)
      return;
    const auto asked = std::chrono::system_clock::now(); // to find its beginning may take long
    const auto stored = stream_answers ? stored_behind(nats, of.filter, state.ack_floor)
                                       : std::optional<std::int64_t>{};
    age_known = age_known && stored.has_value();
    oldest_ms = std::max(oldest_ms, stored ? age_ms(*stored, asked) : 0);
  }
};

ordered_json look_at_consumers(broker& nats, waiting_requests& waiting, std::string& fault) {
  auto items = ordered_json::array();
  for (const auto& one : durable_consumers)
    try {
      const auto state = nats.consumer(one.stream, one.name);
      items.push_back(item_of(one.name, state));
      if (one.stream == names::request_stream)
        waiting.add(nats, one, state);
    } catch (const part_silent& why) {
      items.push_back(silent_item<consumer_state>(one.name, why, fault));
      waiting.known = waiting.known && one.stream != names::request_stream;
    }
  return items;
}

ordered_json look_at_broker(broker& nats, system_state& state) {
  auto streams = look_at_streams(nats, state.silent_fault);
  waiting_requests waiting;
  waiting.stream_answers = !streams.at(0).contains("error");
  auto consumers = look_at_consumers(nats, waiting, state.silent_fault);
  if (waiting.known) {
    state.waiting = waiting.count;
    if (waiting.age_known)
      state.oldest_ms = waiting.oldest_ms;
  }
  return {{"streams", std::move(streams)}, {"consumers", std::move(consumers)}};
}

ordered_json look_at_ledger(const config& settings, bool count) {
  const auto ledger = open_ledger(settings);
  const auto schema = read_schema(settings.database_url);
  ordered_json found{{"schemaVersion", schema.version}, {"schemaKnown", schema.known}};
  if (schema.version == 0)
    return found;
  const auto about = read_rough_totals(settings.database_url);
  found["accountsAbout"] = or_null(about.accounts);
  found["transactionsAbout"] = or_null(about.transactions);
  const auto exact = count ? std::optional{ledger->count()} : std::nullopt;
  found["accounts"] = exact ? ordered_json(exact->accounts) : ordered_json{};
  found["applied"] = exact ? ordered_json(exact->applied) : ordered_json{};
  found["refused"] = exact ? ordered_json(exact->refused) : ordered_json{};
  return found;
}

ordered_json look_at_daemon(const config& settings) {
  if (!settings.http_listen)
    return {{"ready", nullptr}, {"detail", "http-listen is off"}};
  try {
    const auto answer = http_get(settings, "/readyz?verbose");
    const auto document = ordered_json::parse(answer.body, nullptr, false);
    if (document.is_object() && document.contains("checks"))
      return {{"ready", answer.status == 200}, {"checks", document["checks"]}};
    return {
        {"ready", nullptr},
        {"detail", "something else answers there, with status " + std::to_string(answer.status)}};
  } catch (const std::runtime_error& e) {
    return {{"ready", nullptr}, {"detail", e.what()}};
  }
}

// Who has no HTTP has nobody to ask, which is no fault.
std::string fault_of_daemon(const ordered_json& daemon, const config& settings) {
  if (!settings.http_listen || daemon["ready"] == true)
    return {};
  if (daemon["ready"].is_null())
    return "the daemon at http-listen cannot be asked: " + daemon.value("detail", std::string{});
  for (const auto& check : daemon["checks"])
    if (check.value("ok", true) == false)
      return "the daemon is not ready: " + check.value("name", std::string{}) + ": "
             + one_line(check.value("detail", std::string{}));
  return "the daemon is not ready";
}

// In seconds, with one digit behind the point.
ordered_json seconds_of(const std::optional<std::int64_t>& ms) {
  return ms ? ordered_json(std::round(static_cast<double>(*ms) / 100) / 10) : ordered_json{};
}

// In the order of `now`, each with its pace.
std::vector<node_state> states_of(const std::vector<node_view>& earlier,
                                  const std::vector<node_view>& now) {
  std::vector<node_state> result;
  for (const auto& each : now) {
    const auto before = std::find_if(earlier.begin(), earlier.end(), [&](const node_view& one) {
      return one.word.boot == each.word.boot;
    });
    result.push_back(
        {.name = each.word.name,
         .ledger = each.word.ledger,
         .silent = each.silent,
         .answers = !each.silent && (!each.word.ledger || each.tally.entries),
         .doing = each.word.doing,
         .pace = pace_of(before == earlier.end() ? nullptr : &before->tally, each.tally)});
  }
  return result;
}

// One connection for all that is asked over NATS.
class nats_looks {
public:
  explicit nats_looks(const config& settings)
      : fault_(ask([&] {
          nats_ = connect_broker(settings);
          return ordered_json::object();
        })) {}

  // What is compared with later.
  void begin() {
    if (!nats_)
      return;
    cluster_ = ask([&] {
      question_.emplace(nats_->make_ask_line());
      nodes_ = view_of(question_->ask());
      return cluster_json(nodes_);
    });
    began_ = steady::now();
  }

  void finish(status_view& view) {
    view.broker = view.cluster = fault_;
    if (!nats_)
      return;
    if (!nodes_.empty() && !cluster_.contains("error"))
      look_again(view.state);
    view.cluster = cluster_;
    view.broker = ask([&] { return look_at_broker(*nats_, view.state); });
    if (stands_still(view.state))
      ask_aside(view.state);
  }

private:
  void look_again(system_state& state) {
    std::this_thread::sleep_until(began_ + between_looks);
    const auto earlier = nodes_;
    cluster_ = ask([&] {
      nodes_ = view_of(question_->ask());
      state.nodes = states_of(earlier, nodes_);
      return cluster_json(nodes_);
    });
    for (std::size_t i = 0; i < state.nodes.size(); ++i) {
      auto& shown = cluster_["nodes"][i];
      const auto& node = state.nodes[i];
      shown["answers"] = node.answers;
      shown["decidedPerSecond"] = or_null(node.pace.decided_per_second);
      shown["oldestUndecidedSeconds"] = seconds_of(node.pace.oldest_ms);
    }
  }

  // One locked account is nothing that a node calls a fault, and all that waits may be its.
  void ask_aside(system_state& state) {
    constexpr milliseconds patience{1000};
    try {
      for (const auto& each : ask_numbers(nats_->make_ask_line(), nodes_, "", patience))
        if (each.document)
          state.aside += aside_accounts_in(*each.document);
    } catch (const std::runtime_error&) {
      return; // the conclusion says that nodes do not answer
    }
  }

  std::unique_ptr<broker> nats_;
  std::optional<cluster_question> question_;
  ordered_json fault_;
  ordered_json cluster_;
  std::vector<node_view> nodes_;
  steady::time_point began_;
};

} // namespace

status_view look_at_system(const config& settings, bool count) {
  status_view view;
  nats_looks nats(settings);
  nats.begin();
  view.ledger = ask([&] { return look_at_ledger(settings, count); });
  view.daemon = look_at_daemon(settings);
  nats.finish(view);
  auto& state = view.state;
  state.broker_fault = fault_in(view.broker);
  state.cluster_fault = fault_in(view.cluster);
  state.ledger_fault = fault_in(view.ledger);
  if (!state.ledger_fault.empty())
    state.ledger_fault = "PostgreSQL does not answer: " + state.ledger_fault;
  state.daemon_fault = fault_of_daemon(view.daemon, settings);
  return view;
}

} // namespace ledgerd
