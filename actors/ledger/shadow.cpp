#include "actors/ledger/shadow.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "actors/common/log.hpp"
#include "actors/common/waker.hpp"
#include "messaging/codec.hpp"

namespace ledgerd {

namespace {

constexpr auto beat = std::chrono::milliseconds{250};
constexpr std::size_t results_at_once = 1000;
constexpr auto unanswered_pause = std::chrono::minutes{1};

shadow_book::time_point now() {
  return std::chrono::steady_clock::now();
}

} // namespace

void shadow_state::take_results() {
  for (auto& each : options_.results->take()) {
    told_result one{record_in_payload(each.payload).value_or(record_id{}), each.stream_seq,
                    each.stored_at_ns, std::move(each.payload)};
    book_->told(std::move(one), now());
    options_.results->settle(each.receipt, settlement::acknowledge);
  }
  // With every result a question goes to the ledger, so it takes no more than it can ask about.
  const auto room = book_->room();
  options_.results->pull({std::min(room.messages, results_at_once), room.bytes});
}

void shadow_state::compare() {
  for (;;) {
    const auto ids = book_->sought(results_at_once, now());
    if (ids.empty())
      return;
    std::vector<posting> rows;
    try {
      for (auto& row : options_.ledger->find_all(ids))
        rows.push_back(std::move(row.row));
    } catch (const std::exception& e) {
      if (!std::exchange(away_, true))
        log(log_event::shadow_delayed, {{"why", e.what()}}, "shadow: nothing is compared: {}",
            e.what());
      return book_->again();
    }
    if (std::exchange(away_, false))
      log(log_event::shadow_goes_on, "shadow: the comparison goes on");
    tell(book_->found(rows));
    if (ids.size() < results_at_once)
      return;
  }
}

void shadow_state::tell(const std::vector<result_difference>& differences) {
  for (const auto& one : differences)
    log(one.carried ? log_event::shadow_carried : log_event::shadow_differs,
        {{"recordId", to_int(one.record)},
         {"userId", one.account.user_id},
         {"currency", one.account.currency.text()},
         {"resultSeq", one.seq},
         {"what", to_text(one)}},
        "shadow: record {} of {}/{}: {}{} (result {})", to_int(one.record), one.account.user_id,
        one.account.currency.text(), to_text(one),
        one.carried ? ", which follows from the one before" : "", one.seq);
}

void shadow_state::tell_rest() {
  for (const auto& [id, reason] : book_->take_parked_here())
    log(log_event::shadow_parked, {{"recordId", to_int(id)}, {"reason", reason}},
        "shadow: record {}: {} here, and there is a result of it", to_int(id), reason);
  if (now() < say_unanswered_at_)
    return;
  if (const auto [count, oldest] = book_->unanswered(now()); count > 0) {
    say_unanswered_at_ = now() + unanswered_pause;
    log(log_event::shadow_unanswered, {{"count", count}, {"oldest", to_int(oldest)}},
        "shadow: {} verdicts have had no result of the present service for a minute, the oldest "
        "that of record {}",
        count, to_int(oldest));
  }
}

void shadow_state::turn() {
  book_->note(options_.notes->take(), now());
  take_results();
  compare();
  tell_rest();
}

actor_report shadow_state::report() const {
  return make_report(name, "", book_->numbers(now()));
}

shadow_actor::behavior_type shadow_state::make_behavior(shadow_options options) {
  options_ = std::move(options);
  book_.emplace(*options_.currencies, options_.book);
  options_.results->open(make_waker(shadow_actor{self_}));
  self_->delayed_send(self_, beat, tick_atom_v);
  return {
      [this](report_atom) { return report(); },
      [this](wake_atom) { take_results(); },
      [this](tick_atom) {
        turn();
        self_->delayed_send(self_, beat, tick_atom_v);
      },
  };
}

shadow_actor::behavior_type shadow(shadow_actor::stateful_pointer<shadow_state> self,
                                   shadow_options options) {
  return self->state.make_behavior(std::move(options));
}

} // namespace ledgerd
