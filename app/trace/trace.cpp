#include "app/trace/trace.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "app/base/text.hpp"
#include "app/trace/node_question.hpp"
#include "app/trace/posting_view.hpp"
#include "messaging/codec.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

void ask_ledger(trace_facts& facts, const trace_sources& from,
                std::shared_ptr<const currency_table>& currencies) {
  facts.ledger_problem = from.ledger_problem;
  if (from.ledger == nullptr)
    return;
  try {
    if (!currencies)
      currencies = std::make_shared<const currency_table>(from.ledger->currencies());
    facts.row = from.ledger->find(facts.record);
    if (facts.row)
      facts.written_with = from.ledger->written_with(*facts.row);
    facts.ledger_problem.clear();
  } catch (const std::runtime_error& why) {
    facts.ledger_problem = one_line(why.what());
  }
}

void ask_records(trace_facts& facts, const trace_sources& from) {
  facts.records_problem = from.records_problem;
  if (from.records == nullptr)
    return;
  try {
    facts.records_problem.clear();
    if (!from.records->exists())
      return;
    const auto found = from.records->after(record_id{to_int(facts.record) - 1}, 1);
    if (!found.empty() && found.front().row.id == facts.record)
      facts.record_row = found.front().row;
  } catch (const std::runtime_error& why) {
    facts.records_problem = one_line(why.what());
  }
}

void search_streams(trace_facts& facts, const trace_sources& from, const search_clues& clues,
                    const search_limits& limits) {
  facts.streams_problem = from.nats_problem;
  if (from.nats == nullptr)
    return;
  try {
    facts.streams_problem.clear();
    facts.messages = find_messages(shelf_of(*from.nats), facts.record, clues, limits);
  } catch (const std::runtime_error& why) {
    facts.streams_problem = one_line(why.what());
  }
}

bool is_told(const trace_facts& facts, std::string_view subject) {
  return std::any_of(facts.nodes.begin(), facts.nodes.end(), [subject](const auto& node) {
    return std::any_of(node.pulled.begin(), node.pulled.end(),
                       [subject](const auto& each) { return each.subject == subject; });
  });
}

// A consumer's state costs a nats-server before 2.10 dearly while nodes pull from it, so it is
// asked for only when no node can tell how far the requests are: then none pulls, or none has yet.
void ask_consumers(trace_facts& facts, const trace_sources& from) {
  for (const auto& route : movement_routes) {
    if (is_told(facts, route.request))
      continue;
    const auto state = from.nats->consumer(names::request_stream, route.consumer);
    if (state.exists)
      facts.consumers.push_back({std::string(route.request), state.delivered, state.ack_floor});
  }
}

// How far the requests are. A consumer that does not exist has handed nothing out.
request_places ask_places(trace_facts& facts, const trace_sources& from, node_question& nodes,
                          std::chrono::milliseconds patience) {
  facts.nodes = nodes.answers(patience);
  request_places result;
  for (const auto& node : facts.nodes)
    for (const auto& held : node.held)
      result.held.push_back(held.seq);
  try {
    ask_consumers(facts, from);
  } catch (const std::runtime_error& why) {
    facts.streams_problem = one_line(why.what());
    return result;
  }
  for (const auto& route : movement_routes) {
    auto& place = result.subjects.emplace_back();
    place.subject = route.request;
    for (const auto& node : facts.nodes)
      for (const auto& each : node.pulled)
        if (each.subject == route.request)
          place.to = std::max(place.to, each.to);
    for (const auto& each : facts.consumers)
      if (each.subject == route.request)
        place.to = std::max(place.to, each.ack_floor);
  }
  return result;
}

// Whose request it is, by the account side or by the request itself.
std::optional<account_key> account_of(const trace_facts& facts, const currency_table* currencies) {
  if (facts.record_row)
    return facts.record_row->asked.account;
  if (currencies == nullptr || facts.messages.requests.empty())
    return std::nullopt;
  const auto& request = facts.messages.requests.back();
  auto decoded = decode_entry(request.subject, request.payload, *currencies, request_rules{});
  auto* asked = std::get_if<entry>(&decoded);
  return asked == nullptr ? std::nullopt : std::optional{std::move(asked->account)};
}

// What a node holds another one may be deciding: only that one knows what its account waits for.
// Nobody can ask it before the account is known.
void ask_deciders(trace_facts& facts, const trace_sources& from, const currency_table* currencies,
                  std::chrono::milliseconds patience) {
  auto& nodes = facts.nodes;
  const auto waits_elsewhere = [&](const record_look& node) {
    return !node.wait && std::any_of(node.held.begin(), node.held.end(), [](const auto& held) {
      return held.stage == "deciding";
    });
  };
  if (facts.row || nodes.size() < 2 || std::none_of(nodes.begin(), nodes.end(), waits_elsewhere))
    return;
  const auto account = account_of(facts, currencies);
  if (!account)
    return;
  node_question again(from.nats->make_ask_line(), {facts.record, account});
  for (const auto& answer : again.answers(patience))
    for (auto& node : nodes)
      if (node.boot == answer.boot)
        node.wait = answer.wait;
}

// Asked only where a node says that the account waits: its row tells.
void ask_holder(trace_facts& facts, const trace_sources& from, const currency_table* currencies) {
  const bool blocked = std::any_of(facts.nodes.begin(), facts.nodes.end(), [](const auto& node) {
    return node.wait && node.wait->why == "blocked";
  });
  if (facts.row || !blocked || from.ledger == nullptr)
    return;
  try {
    if (const auto account = account_of(facts, currencies))
      facts.holder = from.ledger->holder_of(*account);
  } catch (const std::runtime_error& why) {
    facts.ledger_problem = one_line(why.what());
  }
}

ordered_json wait_json(const trace_report& report) {
  const auto& wait = report.story.wait;
  if (!wait)
    return {};
  const auto& holder = report.facts.holder;
  return {{"node", wait->node},
          {"why", wait->wait.why},
          {"forMs", wait->wait.for_ms},
          {"holder", holder && wait->wait.why == "blocked"
                         ? ordered_json{{"pid", holder->pid},
                                        {"user", holder->user},
                                        {"application", holder->application}}
                         : ordered_json{}}};
}

search_clues clues_from(const trace_facts& facts) {
  search_clues clues;
  if (facts.row) {
    clues.decided = facts.row->created_at;
    clues.transaction = facts.row->id;
  }
  clues.no_row = !facts.row && facts.ledger_problem.empty();
  if (const auto& record = facts.record_row) {
    clues.recorded = record->created_at;
    if (record->status != record_status::pending)
      clues.settled = record->updated_at;
  }
  return clues;
}

ordered_json to_json(const std::vector<stored_message>& messages) {
  auto items = ordered_json::array();
  for (const auto& message : messages) {
    auto headers = ordered_json::object();
    for (const auto& [name, value] : message.headers)
      headers[name] = value;
    items.push_back({{"seq", message.seq},
                     {"at", format_time(message.stored_at_ns / 1000)},
                     {"subject", message.subject},
                     {"headers", headers},
                     {"payload", message.payload}});
  }
  return items;
}

ordered_json record_json(const transaction_record& record, const currency_table& currencies) {
  const auto& asked = record.asked;
  ordered_json item{{"recordId", to_int(record.id)},
                    {"userId", asked.account.user_id},
                    {"type", to_text(asked.type)},
                    {"amount", amount_text(asked.amount, asked.account.currency, currencies)},
                    {"currency", asked.account.currency.text()},
                    {"status", to_text(record.status)}};
  if (record.transaction)
    item["transactionId"] = to_int(*record.transaction);
  if (!record.reason.empty())
    item["reason"] = record.reason;
  item["createdAt"] = format_time(to_int(record.created_at));
  item["updatedAt"] = format_time(to_int(record.updated_at));
  return item;
}

ordered_json event_json(const trace_event& event) {
  ordered_json item{{"at", event.at_us ? ordered_json(format_time(*event.at_us)) : ordered_json{}},
                    {"what", event.what}};
  if (!event.node.empty())
    item["node"] = event.node;
  if (event.after_us)
    item["after"] = format_time(*event.after_us);
  item["detail"] = event.detail;
  if (event.seq != 0)
    item["seq"] = event.seq;
  return item;
}

ordered_json reach_json(const stream_reach& reach) {
  return {{"stream", reach.stream},
          {"exists", reach.exists},
          {"messages", reach.read},
          {"of", reach.held},
          {"backTo", reach.back_to_ns == 0 ? ordered_json{}
                                           : ordered_json(format_time(reach.back_to_ns / 1000))},
          {"all", reach.all}};
}

std::string time_text(const trace_event& event) {
  return event.at_us      ? format_time(*event.at_us)
         : event.after_us ? "after " + format_time(*event.after_us)
                          : "-";
}

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

} // namespace

trace_report trace(record_id id, const trace_sources& from, const trace_limits& limits,
                   std::shared_ptr<const currency_table> currencies) {
  trace_report report;
  auto& facts = report.facts;
  facts.record = id;
  // Nodes answer while the rest is looked for.
  std::optional<node_question> nodes;
  if (from.nats != nullptr)
    nodes.emplace(from.nats->make_ask_line(), look_question{id});
  ask_ledger(facts, from, currencies);
  ask_records(facts, from);
  auto clues = clues_from(facts);
  bool asked = false;
  if (nodes)
    clues.places = [&] {
      asked = true;
      return ask_places(facts, from, *nodes, limits.node_patience);
    };
  search_streams(facts, from, clues, limits.search);
  if (nodes && !asked) {
    if (facts.row || !facts.messages.results.empty())
      facts.nodes = nodes->answers(limits.node_patience_decided);
    else
      ask_places(facts, from, *nodes, limits.node_patience);
  }
  // It may have been decided since.
  if (!facts.row && facts.ledger_problem.empty() && !facts.messages.requests.empty())
    ask_ledger(facts, from, currencies);
  ask_deciders(facts, from, currencies.get(), limits.node_patience);
  ask_holder(facts, from, currencies.get());
  facts.now_us = now_us();
  if (!currencies)
    currencies = std::make_shared<const currency_table>(std::vector<currency>{});
  report.story = tell(facts, *currencies);
  report.currencies = std::move(currencies);
  return report;
}

ordered_json trace_json(const trace_report& report) {
  const auto& facts = report.facts;
  auto events = ordered_json::array();
  for (const auto& each : report.story.events)
    events.push_back(event_json(each));
  auto looked = ordered_json::array();
  for (const auto& each : facts.messages.looked)
    looked.push_back(reach_json(each));
  auto nodes = ordered_json::array();
  for (const auto& each : facts.nodes)
    nodes.push_back(each.node);
  return {{"recordId", to_int(facts.record)},
          {"state", to_text(report.story.state)},
          {"conclusion", report.story.conclusion},
          {"wait", wait_json(report)},
          {"events", std::move(events)},
          {"notes", report.story.notes},
          {"looked", std::move(looked)},
          {"nodes", std::move(nodes)},
          {"requests", to_json(facts.messages.requests)},
          {"row", facts.row ? posting_json(*facts.row, *report.currencies) : ordered_json{}},
          {"results", to_json(facts.messages.results)},
          {"record",
           facts.record_row ? record_json(*facts.record_row, *report.currencies) : ordered_json{}},
          {"deadLetters", to_json(facts.messages.dead_letters)},
          {"actions", to_json(facts.messages.actions)}};
}

std::string trace_text(const trace_report& report) {
  std::string out;
  if (!report.story.events.empty()) {
    std::vector<std::vector<std::string>> table{{"time", "what", "node", "detail"}};
    for (const auto& each : report.story.events)
      table.push_back({time_text(each), each.what, each.node.empty() ? "-" : each.node,
                       escape_controls(each.detail)});
    out = format_table(table) + "\n";
  }
  for (const auto& note : report.story.notes)
    out += "note: " + escape_controls(note) + "\n";
  return out + escape_controls(report.story.conclusion) + "\n";
}

} // namespace ledgerd
