#include "app/daemon/ledger_facts.hpp"

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "domain/assert.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

constexpr auto reply_pause = std::chrono::milliseconds{20};

} // namespace

ledger_facts_source::ledger_facts_source(ports from, std::shared_ptr<ledger_view> view)
    : from_(std::move(from)), view_(std::move(view)) {
  LEDGERD_ASSERT(!from_.ledger != !from_.questions);
  if (from_.questions)
    from_.questions->open([] {});
}

std::vector<currency> ledger_facts_source::read() {
  const auto after = from_.keeper ? from_.keeper->last_id() : record_id{1};
  ledger_facts facts;
  if (from_.ledger) {
    facts.currencies = from_.ledger->currencies();
    if (view_)
      facts.marks = from_.ledger->marks(after, record_id_window);
  } else {
    facts = ask(after);
  }
  if (from_.keeper)
    from_.keeper->keep(facts.currencies);
  if (view_ && facts.marks)
    view_->hear(*facts.marks);
  return std::move(facts.currencies);
}

std::vector<currency> ledger_facts_source::kept() {
  return from_.keeper ? from_.keeper->currencies() : std::vector<currency>{};
}

ledger_facts ledger_facts_source::ask(record_id from) {
  from_.questions->ask(++asked_, std::string{names::api_currencies}, encode_facts_question(from));
  std::optional<api_reply> reply;
  while (!reply) {
    std::this_thread::sleep_for(reply_pause);
    for (auto& one : from_.questions->take())
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
