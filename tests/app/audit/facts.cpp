#include "tests/app/audit/facts.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <variant>

#include "domain/plan.hpp"
#include "messaging/names.hpp"

namespace ledgerd::test {

account_row& world::account(std::string_view user) {
  return *std::find_if(accounts.begin(), accounts.end(),
                       [&](const auto& a) { return a.account.user_id == user; });
}

posting& world::row(std::int64_t record) {
  return std::find_if(rows.begin(), rows.end(),
                      [&](const auto& r) { return to_int(r.row.record) == record; })
      ->row;
}

void world::publish(std::vector<stored_message>& stream, const outgoing& message) {
  const auto seq = stream.empty() ? 1 : stream.back().seq + 1;
  // A dead letter is as old as the request that is being worked off.
  const auto second = &stream == &dead_letters ? requests.size() : seq;
  stream.push_back({seq, static_cast<std::int64_t>(1'000'000'000 * second), message.subject,
                    message.payload, with_id(message)});
  auto& state = &stream == &results ? result_stream : letter_stream;
  state.last_seq = seq;
  ++state.messages;
}

void world::discard(const stored_message& letter) {
  auto entry = letter;
  entry.seq = actions.size() + 1;
  entry.subject = names::discard_subject;
  entry.payload.clear();
  for (auto& h : entry.headers)
    if (h.name == "Nats-Msg-Id")
      h.value.insert(0, "discard-");
  actions.push_back(std::move(entry));
}

void world::made_at(std::int64_t nanoseconds) {
  request_stream.created_at_ns = nanoseconds;
  const auto life = std::to_string(nanoseconds);
  for (auto& letter : dead_letters)
    if (header_of(letter, "Ledgerd-Stream").value == "TRANSACTIONS")
      header_of(letter, "Nats-Msg-Id").value =
          "dead-TRANSACTIONS-" + life + "-" + header_of(letter, "Ledgerd-Sequence").value;
}

void world::erase_result(std::int64_t record) {
  std::erase_if(results, [&](const auto& m) {
    return std::any_of(m.headers.begin(), m.headers.end(), [&](const auto& h) {
      return h.value == "result-" + std::to_string(record);
    });
  });
}

// Posts the sample one request at a time.
world::world() {
  const currency_table table(currencies);
  known_postings known;
  std::map<account_key, account_head> heads;
  for (const auto& [subject, payload] : sample_requests()) {
    const auto seq = requests.size() + 1;
    requests.push_back({seq, 0, subject, payload, {}});
    request_stream.messages = request_stream.last_seq = seq;
    (subject == "transaction.deposit" ? deposits : withdrawals).delivered = seq;
    const delivery source{
        .subject = subject, .payload = payload, .stream = "TRANSACTIONS", .stream_seq = seq};
    const auto decoded = decode_entry(subject, payload, table, rules.requests);
    if (const auto* why = std::get_if<rejection>(&decoded)) {
      publish(dead_letters, make_dead_letter(0, delivery{source}, *why, "node", 1 << 20));
      continue;
    }
    const auto& asked = std::get<entry>(decoded);
    auto& head = heads[asked.account];
    auto planned = plan({{{asked.account, head}}, {{asked, 0}}}, {head}, known);
    head = planned.heads[0];
    for (auto& row : planned.rows) {
      row.id = transaction_id{static_cast<std::int64_t>(rows.size() + 1)};
      row.created_at = database_time{1'000'000 * static_cast<std::int64_t>(seq)};
      known.emplace(row.record, row);
      rows.push_back({row, fingerprint(row.account, row.type, row.amount)});
    }
    const auto answers = complete(std::move(planned));
    const auto& [verdict, stored] = answers[0];
    if (verdict == outcome::conflict)
      publish(dead_letters,
              make_dead_letter(0, delivery{source}, {dead_reason::record_id_conflict, "x"}, "node",
                               1 << 20));
    else
      publish(results, make_result(0, stored, *table.exponent(stored.account.currency), source));
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& x, const auto& y) {
    return std::tie(x.row.account, x.row.seq) < std::tie(y.row.account, y.row.seq);
  });
  for (const auto& [key, head] : heads)
    accounts.push_back({key, head, {}});
}

audit_report run(const world& facts) {
  audit_report report;
  const currency_table table(facts.currencies);
  ledger_audit chains(report.findings);
  spill_space space({}, facts.memory_max);
  stream_audit messages(facts.rules, table, report.findings, space);
  messages.consumers(std::vector{facts.deposits, facts.withdrawals});
  messages.streams(facts.request_stream, facts.result_stream, facts.letter_stream);
  for (const auto& m : facts.dead_letters)
    messages.dead_letter(m);
  for (const auto& m : facts.actions)
    messages.action(m);
  for (const auto& m : facts.results)
    messages.result(m);
  for (const auto& a : facts.accounts)
    chains.account(a);
  for (const auto& r : facts.rows) {
    chains.row(r);
    messages.row(r.row);
  }
  chains.finish();
  for (const auto& m : facts.requests)
    messages.request(m);
  messages.finish([&](const std::vector<record_id>& ids) {
    std::vector<record_id> missing;
    for (const auto id : ids)
      if (std::count(facts.lost_records.begin(), facts.lost_records.end(), to_int(id)) != 0)
        missing.push_back(id);
    return missing;
  });
  report.count(chains, messages);
  return report;
}

std::string findings_after(const std::function<void(world&)>& damage) {
  world facts;
  damage(facts);
  const auto found = text_of(run(facts).findings.counts());
  // The same with all lists in files.
  facts.memory_max = 0;
  const auto in_files = text_of(run(facts).findings.counts());
  return found == in_files ? found : found + "; in files: " + in_files;
}

header& header_of(stored_message& message, std::string_view name) {
  return *std::find_if(message.headers.begin(), message.headers.end(),
                       [&](const auto& h) { return h.name == name; });
}

} // namespace ledgerd::test
