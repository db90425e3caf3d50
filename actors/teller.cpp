#include "actors/teller.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/failpoint.hpp"
#include "actors/waking.hpp"
#include "messaging/account_codec.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

constexpr auto beat = std::chrono::milliseconds{200};

struct teller_answer {
  std::string body;
  int status = 200;
  std::string code; // of a problem
};

teller_answer problem(int status, std::string_view title, std::string_view code,
                      std::string_view detail) {
  return {encode_problem(status, title, code, detail), status, std::string{code}};
}

teller_answer refuse(const rejection& why) {
  return problem(400, "Bad Request", to_text(why.reason), why.detail);
}

teller_answer no_account() {
  return problem(404, "Not Found", "NOT_FOUND", "there is no such account");
}

teller_answer tell_account(const teller_options& options, const std::string& body) {
  const auto asked = decode_account_question(body);
  if (const auto* why = std::get_if<rejection>(&asked))
    return refuse(*why);
  const auto& user = std::get<std::string>(asked);
  const auto rows = options.ledger->accounts_of(user);
  if (rows.empty())
    return no_account();
  std::vector<account_balance> balances;
  balances.reserve(rows.size());
  for (const auto& row : rows) {
    const auto code = row.account.currency;
    balances.push_back(
        {code, options.currencies->exponent(code).value_or(0), row.head, row.updated_at});
  }
  return {encode_account(user, balances)};
}

teller_answer tell_history(const teller_options& options, const std::string& body) {
  const auto asked = decode_history_question(body, *options.currencies, options.default_currency);
  if (const auto* why = std::get_if<rejection>(&asked))
    return refuse(*why);
  const auto& question = std::get<history_question>(asked);
  // One more than asked for tells whether there is a next page.
  auto rows = options.ledger->history(question.account, question.before, question.limit + 1);
  if (rows.empty() && question.before == 0)
    return no_account();
  std::optional<std::int64_t> next;
  if (rows.size() > static_cast<std::size_t>(question.limit)) {
    rows.pop_back();
    next = rows.back().seq;
  }
  const auto exponent = options.currencies->exponent(question.account.currency).value_or(0);
  return {encode_history(rows, exponent, next)};
}

teller_answer tell_verdicts(const teller_options& options, const std::string& body) {
  const auto asked = decode_verdict_question(body);
  if (const auto* why = std::get_if<rejection>(&asked))
    return refuse(*why);
  std::vector<posting> decided;
  for (auto& found : options.ledger->find_all(std::get<std::vector<record_id>>(asked)))
    decided.push_back(std::move(found.row));
  return {encode_verdicts(decided, *options.currencies)};
}

teller_answer tell_facts(const teller_options& options, const std::string& body) {
  const auto asked = decode_facts_question(body);
  if (const auto* why = std::get_if<rejection>(&asked))
    return refuse(*why);
  ledger_facts facts{options.ledger->currencies(), std::nullopt};
  if (const auto from = std::get<std::optional<record_id>>(asked))
    facts.marks = options.ledger->marks(*from, record_id_window);
  return {encode_facts(facts)};
}

teller_answer tell(const teller_options& options, const api_question& asked) {
  try {
    if (asked.subject == names::api_account)
      return tell_account(options, asked.payload);
    if (asked.subject == names::api_history)
      return tell_history(options, asked.payload);
    if (asked.subject == names::api_verdicts)
      return tell_verdicts(options, asked.payload);
    return tell_facts(options, asked.payload);
  } catch (const std::exception& e) {
    spdlog::warn("teller: {}: {}", asked.subject, e.what());
    return problem(503, "Service Unavailable", "UNAVAILABLE",
                   "the ledger's database is not available");
  }
}

void answer_all(const teller_options& options) {
  for (const auto& asked : options.desk->take()) {
    failpoint("teller");
    const auto answer = tell(options, asked);
    std::vector<header> headers;
    if (answer.status >= 400)
      headers = {{std::string{names::service_error_code}, std::to_string(answer.status)},
                 {std::string{names::service_error}, answer.code}};
    options.desk->answer(asked.reply, answer.body, headers);
  }
}

} // namespace

teller_actor::behavior_type teller(teller_actor::stateful_pointer<teller_state> self,
                                   teller_options options) {
  self->state.options = std::move(options);
  self->state.options.desk->open(make_waker(teller_actor{self}));
  self->delayed_send(self, beat, beat_atom_v);
  return {
      [=](wake_atom) { answer_all(self->state.options); },
      [=](beat_atom) {
        answer_all(self->state.options);
        self->delayed_send(self, beat, beat_atom_v);
      },
      [](report_atom) {
        return actor_report{"teller", "", {}, {}};
      },
  };
}

} // namespace ledgerd
