#include "app/daemon/ledger_facts.hpp"

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "app/config/database_urls.hpp"
#include "messaging/names.hpp"
#include "persistence/postgres.hpp"

namespace ledgerd {

namespace {

constexpr auto reply_pause = std::chrono::milliseconds{20};

} // namespace

ledger_facts_source::ledger_facts_source(const config& settings, broker& nats,
                                         std::shared_ptr<ledger_view> view)
    : view_(std::move(view)) {
  if (settings.has_role("account"))
    keeper_ = make_postgres_account_keeper(account_database(settings));
  if (settings.has_role("ledger")) {
    ledger_ = make_postgres_reader(ledger_database(settings));
  } else {
    questions_ = nats.make_inquirer();
    questions_->open([] {});
  }
}

std::vector<currency> ledger_facts_source::read() {
  const auto from = keeper_ ? keeper_->last_id() : record_id{1};
  ledger_facts facts;
  if (ledger_) {
    facts.currencies = ledger_->currencies();
    if (view_)
      facts.marks = ledger_->marks(from, record_id_window);
  } else {
    facts = ask(from);
  }
  if (keeper_)
    keeper_->keep(facts.currencies);
  if (view_ && facts.marks)
    view_->hear(*facts.marks);
  return std::move(facts.currencies);
}

std::vector<currency> ledger_facts_source::kept() {
  return keeper_ ? keeper_->currencies() : std::vector<currency>{};
}

ledger_facts ledger_facts_source::ask(record_id from) {
  questions_->ask(++asked_, std::string{names::api_currencies}, encode_facts_question(from));
  std::optional<api_reply> reply;
  while (!reply) {
    std::this_thread::sleep_for(reply_pause);
    for (auto& one : questions_->take())
      if (one.token == asked_)
        reply = std::move(one);
  }
  if (!reply->answered)
    throw std::runtime_error("no node with the ledger role answers");
  auto decoded = decode_facts(reply->payload);
  if (const auto* why = std::get_if<rejection>(&decoded))
    throw std::runtime_error(why->detail);
  return std::get<ledger_facts>(std::move(decoded));
}

} // namespace ledgerd
