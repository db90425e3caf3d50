#include "actors/ledger/responder.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "actors/common/log.hpp"
#include "actors/common/question_board.hpp"
#include "actors/common/waker.hpp"
#include "domain/failpoint.hpp"
#include "messaging/names.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

constexpr auto beat = std::chrono::milliseconds{200};
constexpr std::size_t questions_at_once = 16;

struct responder_answer {
  std::string body;
  int status = 200;
  std::string code; // of a problem
};

responder_answer problem(int status, std::string_view title, std::string_view code,
                         std::string_view detail) {
  return {encode_problem(status, title, code, detail), status, std::string{code}};
}

responder_answer refuse(const rejection& why) {
  return problem(400, "Bad Request", to_text(why.reason), why.detail);
}

responder_answer no_account() {
  return problem(404, "Not Found", "NOT_FOUND", "there is no such account");
}

responder_answer not_known_yet() {
  return problem(503, "Service Unavailable", "UNAVAILABLE",
                 "an amount is in a currency that this node does not know yet");
}

// A table that knows all of these, read anew when the common one does not.
template <class Rows>
const currency_table& table_for(responder_state& state, const Rows& rows) {
  const auto& common = *state.options.currencies;
  if (std::all_of(rows.begin(), rows.end(),
                  [&](const auto& row) { return common.exponent(row.account.currency); }))
    return common;
  state.reread = std::make_unique<const currency_table>(state.options.ledger->currencies());
  return *state.reread;
}

responder_answer tell_account(responder_state& state, const std::string& body) {
  const auto asked = decode_account_question(body);
  if (const auto* why = std::get_if<rejection>(&asked))
    return refuse(*why);
  const auto& user = std::get<std::string>(asked);
  const auto rows = state.options.ledger->accounts_of(user);
  if (rows.empty())
    return no_account();
  const auto& currencies = table_for(state, rows);
  std::vector<account_balance> balances;
  balances.reserve(rows.size());
  for (const auto& row : rows) {
    const auto code = row.account.currency;
    const auto exponent = currencies.exponent(code);
    if (!exponent)
      return not_known_yet();
    balances.push_back({code, *exponent, row.head, row.updated_at});
  }
  return {encode_account(user, balances)};
}

// The rows of a page, and what the next one is asked for with: JSON, empty on the last page.
struct history_page {
  std::vector<posting> rows;
  std::string next;
};

std::string page_after(const std::vector<posting>& rows, const history_question& asked) {
  return asked.currency ? std::to_string(rows.back().seq)
                        : '"' + encode_history_position(next_position(asked.page, rows)) + '"';
}

history_page read_page(ledger_reader& ledger, const history_question& asked) {
  // One more than asked for tells whether there is a next page.
  const auto limit = asked.limit + 1;
  history_page page;
  page.rows = asked.currency
                  ? ledger.history(account_key{asked.user_id, *asked.currency}, asked.before, limit)
                  : ledger.history(asked.user_id, asked.page, limit);
  if (page.rows.size() <= static_cast<std::size_t>(asked.limit))
    return page;
  page.rows.pop_back();
  page.next = page_after(page.rows, asked);
  return page;
}

// With fewer rows, as long as there is more than one, when the broker does not take all in one
// message. Nothing when a row is in a currency that is not known.
std::optional<std::string> encode_page(history_page&& page, const history_question& asked,
                                       const currency_table& currencies, std::size_t bytes_max) {
  auto text = encode_history(page.rows, currencies, page.next);
  while (text && text->size() > bytes_max && page.rows.size() > 1) {
    page.rows.resize(std::max<std::size_t>(1, page.rows.size() * bytes_max / text->size()));
    page.next = page_after(page.rows, asked);
    text = encode_history(page.rows, currencies, page.next);
  }
  return text;
}

responder_answer tell_history(responder_state& state, const std::string& body) {
  const auto asked = decode_history_question(body);
  if (const auto* why = std::get_if<rejection>(&asked))
    return refuse(*why);
  const auto& question = std::get<history_question>(asked);
  auto page = read_page(*state.options.ledger, question);
  if (page.rows.empty() && question.before == 0 && question.page.before == 0)
    return no_account();
  const auto& currencies = table_for(state, page.rows);
  const auto bytes_max = state.options.desk->message_bytes_max();
  if (auto text = encode_page(std::move(page), question, currencies, bytes_max))
    return {*std::move(text)};
  return not_known_yet();
}

responder_answer tell_verdicts(responder_state& state, const std::string& body) {
  const auto asked = decode_verdict_question(body);
  if (const auto* why = std::get_if<rejection>(&asked))
    return refuse(*why);
  std::vector<posting> decided;
  for (auto& found : state.options.ledger->find_all(std::get<std::vector<record_id>>(asked)))
    decided.push_back(std::move(found.row));
  return {encode_verdicts(decided, table_for(state, decided))};
}

responder_answer tell_facts(const responder_options& options, const std::string& body) {
  const auto asked = decode_facts_question(body);
  if (const auto* why = std::get_if<rejection>(&asked))
    return refuse(*why);
  ledger_facts facts{options.ledger->currencies(), std::nullopt};
  if (const auto from = std::get<std::optional<record_id>>(asked))
    facts.marks = options.ledger->marks(*from, record_id_window);
  return {encode_facts(facts)};
}

responder_answer tell(responder_state& state, const api_question& asked) {
  const auto& options = state.options;
  if (asked.too_large)
    return problem(413, "Payload Too Large", "TOO_LARGE",
                   "the question is larger than " + std::to_string(payload_bytes_max) + " bytes");
  try {
    if (asked.subject == names::api_account)
      return tell_account(state, asked.payload);
    if (asked.subject == names::api_history)
      return tell_history(state, asked.payload);
    if (asked.subject == names::api_verdicts)
      return tell_verdicts(state, asked.payload);
    return tell_facts(options, asked.payload);
  } catch (const std::exception& e) {
    log(log_event::question_failed, {{"subject", asked.subject}, {"why", e.what()}},
        "responder: {}: {}", asked.subject, e.what());
    return problem(503, "Service Unavailable", "UNAVAILABLE",
                   "the ledger's database is not available");
  }
}

// Answers the newest few. True when there were any: then there may be more.
bool answer_some(responder_state& state) {
  const auto& desk = state.options.desk;
  auto asked = desk->take(questions_at_once);
  for (auto each = asked.rbegin(); each != asked.rend(); ++each) {
    if (each->arrived + question_patience < std::chrono::steady_clock::now()) {
      ++state.counters.expired;
      continue;
    }
    failpoint("responder");
    const auto answer = tell(state, *each);
    std::vector<header> headers;
    if (answer.status >= 400)
      headers = {{std::string{names::service_error_code}, std::to_string(answer.status)},
                 {std::string{names::service_error}, answer.code}};
    desk->answer(each->reply, answer.body, headers);
    note_answered(each->subject, std::chrono::steady_clock::now() - each->arrived, answer.status,
                  answer.code);
    ++state.counters.answered;
  }
  return !asked.empty();
}

} // namespace

actor_report responder_state::report() const {
  return make_report(name, "", responder_numbers{counters.with(options.desk->losses())});
}

responder_actor::behavior_type responder(responder_actor::stateful_pointer<responder_state> self,
                                         responder_options options) {
  self->state.options = std::move(options);
  self->state.options.desk->open(make_waker(responder_actor{self}));
  self->delayed_send(self, beat, tick_atom_v);
  return {
      [=](wake_atom) { self->state.turn.want(self); },
      [=](turn_atom) {
        self->state.turn.begun();
        if (answer_some(self->state))
          self->state.turn.want(self);
      },
      [=](tick_atom) {
        self->state.turn.want(self);
        self->delayed_send(self, beat, tick_atom_v);
      },
      [=](report_atom) { return self->state.report(); },
  };
}

} // namespace ledgerd
