#include <memory>

#include "app/base/output.hpp"
#include "app/base/text.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

struct trace_options {
  std::int64_t id = 0;
  bool json = false;
};

// Everything that is known of one record id, in the order of its road.
struct trail {
  std::vector<stored_message> requests;
  std::optional<posting> row;
  std::vector<stored_message> results;
  std::vector<stored_message> dead_letters;

  bool empty() const { return requests.empty() && !row && results.empty() && dead_letters.empty(); }
};

std::vector<stored_message> messages_of(broker& nats, std::string_view stream, record_id id) {
  std::vector<stored_message> found;
  if (!nats.stream(stream).exists)
    return found;
  const auto digits = std::to_string(to_int(id));
  nats.read(stream, "", 1, [&](const stored_message& message) {
    // Looking for the digits first spares parsing nearly every payload.
    if (message.payload.find(digits) != std::string::npos && record_of(message.payload) == id)
      found.push_back(message);
    return true;
  });
  return found;
}

std::string describe(const stored_message& message) {
  return message.subject + " #" + std::to_string(message.seq) + "  " + message.payload;
}

void print_text(const trail& found, const currency_table& currencies) {
  for (const auto& message : found.requests)
    print_line("requested  %s", describe(message).c_str());
  if (found.row) {
    const auto& row = *found.row;
    print_line("posted     %s  transaction %lld, %s %s, seq %lld: %s %s, %s%s%s, balance after %s",
               format_time(to_int(row.created_at)).c_str(), static_cast<long long>(to_int(row.id)),
               row.account.user_id.c_str(), std::string{row.account.currency.text()}.c_str(),
               static_cast<long long>(row.seq), std::string{to_text(row.type)}.c_str(),
               amount_text(row.amount, row.account.currency, currencies).c_str(),
               std::string{status_text(row.verdict)}.c_str(),
               row.verdict == outcome::applied ? "" : " ",
               std::string{reason_text(row.verdict)}.c_str(),
               amount_text(row.balance_after, row.account.currency, currencies).c_str());
  }
  for (const auto& message : found.results)
    print_line("published  %s", describe(message).c_str());
  for (const auto& message : found.dead_letters)
    print_line(
        "parked     %s: %s  %s", std::string{header_value(message, "Ledgerd-Reason")}.c_str(),
        std::string{header_value(message, "Ledgerd-Detail")}.c_str(), describe(message).c_str());
}

nlohmann::ordered_json to_json(const std::vector<stored_message>& messages) {
  auto items = nlohmann::ordered_json::array();
  for (const auto& message : messages) {
    auto headers = nlohmann::ordered_json::object();
    for (const auto& [name, value] : message.headers)
      headers[name] = value;
    items.push_back({{"seq", message.seq},
                     {"subject", message.subject},
                     {"headers", headers},
                     {"payload", message.payload}});
  }
  return items;
}

int run_trace(const config& settings, const trace_options& options) {
  const auto ledger = open_ledger(settings);
  const currency_table currencies{ledger->currencies()};
  const auto nats = connect_broker(settings);
  const record_id id{options.id};
  trail found;
  found.requests = messages_of(*nats, names::request_stream, id);
  found.row = ledger->find(id);
  found.results = messages_of(*nats, names::result_stream, id);
  found.dead_letters = messages_of(*nats, names::dead_letter_stream, id);
  if (options.json)
    print_json(
        {{"recordId", options.id},
         {"requests", to_json(found.requests)},
         {"row", found.row ? posting_json(*found.row, currencies) : nlohmann::ordered_json{}},
         {"results", to_json(found.results)},
         {"deadLetters", to_json(found.dead_letters)}});
  else if (found.empty())
    complain("nothing is known of record %lld", static_cast<long long>(options.id));
  else
    print_text(found, currencies);
  return found.empty() ? exit_code::answer_is_no : exit_code::done;
}

} // namespace

void add_trace(command_line& line) {
  const auto options = std::make_shared<trace_options>();
  auto& app =
      line.add_verb({"trace", "Follow one record: its requests, row, results and dead letters",
                     "ledgerd trace 4711"},
                    [options](const config& settings) { return run_trace(settings, *options); });
  add_integer(app, "RECORD_ID", options->id, 1, INT64_MAX, "The record id").required();
  app.add_flag("--json", options->json, "Print JSON");
}

} // namespace ledgerd
