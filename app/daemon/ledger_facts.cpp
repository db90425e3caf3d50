#include "app/daemon/ledger_facts.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "actors/common/log.hpp"
#include "domain/assert.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

constexpr std::int64_t ids_ahead = 64; // PostgreSQL logs a sequence 32 values ahead
constexpr auto reply_pause = std::chrono::milliseconds{20};
constexpr auto untold_pause = std::chrono::seconds{10}; // a database that hangs takes seconds

} // namespace

ledger_facts_source::ledger_facts_source(ports from, std::shared_ptr<ledger_view> view)
    : from_(std::move(from)), view_(std::move(view)) {
  LEDGERD_ASSERT(!from_.ledger != !from_.questions);
  if (from_.questions)
    from_.questions->open([] {});
}

std::vector<currency> ledger_facts_source::read() {
  if (!from_.ledger) {
    const auto after = last_kept();
    auto facts = ask(after);
    tell_account_side(facts, after);
    return std::move(facts.currencies);
  }
  ledger_facts facts{.currencies = from_.ledger->currencies(), .marks = {}};
  if (std::chrono::steady_clock::now() < tell_again_)
    return std::move(facts.currencies);
  try {
    const auto after = last_kept();
    if (view_)
      facts.marks = from_.ledger->marks(after, record_id_window);
    tell_account_side(facts, after);
    untold_ = false;
  } catch (const std::exception& error) {
    tell_again_ = std::chrono::steady_clock::now() + untold_pause;
    if (!std::exchange(untold_, true))
      log(log_event::currencies_unread, "currencies for the account side: {}", error.what());
  }
  return std::move(facts.currencies);
}

// The sequence of a database that was set back or crashed may be that far ahead of its rows.
record_id ledger_facts_source::last_kept() {
  const auto last = from_.keeper ? to_int(from_.keeper->last_id()) : 0;
  return record_id{std::max<std::int64_t>(last - ids_ahead, 1)};
}

void ledger_facts_source::tell_account_side(const ledger_facts& facts, record_id after) {
  if (from_.keeper)
    from_.keeper->keep(facts.currencies);
  if (view_ && facts.marks)
    view_->hear(*facts.marks);
  if (view_ && facts.marks && from_.keeper)
    look_for_loss(after, facts.marks->highest_record);
}

// A record is committed before its request is published, so what the ledger has decided is there.
void ledger_facts_source::look_for_loss(record_id from, record_id highest) {
  const bool lacks = highest >= from && !from_.keeper->has(highest);
  if (lacks && !lacks_) {
    view_->lack();
    log(log_event::account_records_lost, {{"recordId", to_int(highest)}},
        "the account database lacks records that it has handed out, such as {}: was it restored? "
        "Their idempotency keys are gone, and a repeated key moves the money again. Restore it to "
        "the later moment, or tell the callers: docs/runbooks/LedgerdAccountRecordsLost.md",
        to_int(highest));
  }
  lacks_ = lacks;
}

http_routes with_lost_records(http_routes routes, std::shared_ptr<const ledger_view> view) {
  return with_metrics(std::move(routes), [view = std::move(view)] {
    return metrics_snapshot{
        {"ledgerd_account_records_lost_total",
         "How often the account database was found to lack a record that the ledger has decided.",
         metric_kind::counter,
         {},
         static_cast<std::int64_t>(view->lacks()),
         {}}};
  });
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
