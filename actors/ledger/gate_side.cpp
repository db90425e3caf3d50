// The gate's side lane: what it does with the accounts that are set aside.
#include <algorithm>
#include <utility>

#include "actors/common/log.hpp"
#include "actors/ledger/gate.hpp"

namespace ledgerd {

namespace {

constexpr bool side_lane_turn = true;
constexpr auto held_up_after = std::chrono::seconds{1};

// What is lent to the side lane of the main lane's session: all others wait meanwhile, for a fifth
// of the time at most.
constexpr post_limits loan_limits{std::chrono::milliseconds{100}, std::chrono::milliseconds{1000}};
constexpr int pauses_per_loan = 4;

bool is_of_database(const store_failure& failure) {
  return failure.kind == store_failure_kind::unavailable
         || failure.kind == store_failure_kind::in_doubt;
}

} // namespace

// An account that is held up may hold its share of the credit, one that flows as much as any other.
capacity gate_state::share_of(const gate_batch& part) const {
  const bool held_up = self_->clock().now() - part.formed > held_up_after;
  const auto accounts = std::max<std::size_t>(1, side_.accounts_waiting());
  const auto& all = options_.aside_max;
  const auto messages = std::max<std::size_t>(1, all.messages / accounts);
  return held_up ? capacity{messages, all.bytes / accounts} : hold_any;
}

void gate_state::on_side_posted(gate_batch& batch, posted& result) {
  const auto account = side_.current();
  const auto share = share_of(batch);
  const auto returns =
      side_.posted(result.heads.front(), std::chrono::microseconds{result.statistics.work_us},
                   self_->clock().now());
  // Whoever returns hears no more of its share: this is the last word about it.
  if (const auto& ledger = batch.ledgers.front())
    self_->send(ledger, hold_atom_v, returns ? hold_any : share);
  if (returns)
    log(log_event::account_back,
        {{"gate", options_.index},
         {"userId", account.user_id},
         {"currency", account.currency.text()}},
        "gate {}: the account {} {} is not set aside any more", options_.index, account.user_id,
        account.currency.text());
  answer_posted(batch, result);
}

void gate_state::on_side_failure(gate_batch& batch, const store_failure& failure) {
  const auto now = self_->clock().now();
  const bool refused = failure.kind == store_failure_kind::rejected;
  counters_.rejected += refused ? 1 : 0;
  counters_.blocked += failure.kind == store_failure_kind::blocked ? 1 : 0;
  counters_.in_doubt += failure.kind == store_failure_kind::in_doubt ? 1 : 0;
  counters_.unavailable += failure.kind == store_failure_kind::unavailable ? 1 : 0;
  if (!failure.no_session)
    spell_.failed(side_.current(), failure.detail, now);
  // A lock holds all of it up alike; a statement that took too long may be quicker for less.
  const bool too_much =
      refused || (failure.kind == store_failure_kind::blocked && failure.culprits.empty());
  if (too_much && batch.entries.size() > 1)
    return side_.cut(now);
  if (!refused || spell_.is_common(now)) {
    self_->send(side_.current_ledger(), hold_atom_v, share_of(batch));
    const auto pause = side_.again(now);
    if (is_of_database(failure) && !failure.no_session)
      log_failure(failure, pause);
    return;
  }
  side_.refused(now);
  answer_rejected(batch, failure);
}

void gate_state::remind_of_side() {
  const auto due = side_.next_due();
  if (!due || (side_reminder_ && *side_reminder_ <= *due))
    return;
  const auto now = self_->clock().now();
  side_reminder_ = due;
  self_->delayed_send(self_, std::max(*due - now, caf::actor_clock::duration_type{0}), retry_atom_v,
                      side_lane_turn);
}

void gate_state::post_side_next() {
  if (side_under_way_)
    return;
  side_under_way_ = side_.take(self_->clock().now());
  if (!side_under_way_)
    return remind_of_side();
  post_side_part(loan::none);
}

void gate_state::post_side_part(loan how) {
  const auto& poster = how == loan::none ? options_.side_poster : options_.poster;
  self_->request(poster, caf::infinite, post_atom_v, side_under_way_)
      .then(
          [this, how](posted_batch& answered) {
            if (how == loan::given)
              next_loan_ = self_->clock().now()
                           + pauses_per_loan * std::chrono::microseconds{answered.microseconds};
            if (note_side_session(how, answered.result) && how == loan::none && may_lend()) {
              side_under_way_->limits = loan_limits;
              return post_side_part(loan::given);
            }
            const auto batch = std::exchange(side_under_way_, nullptr);
            if (const auto* failure = std::get_if<store_failure>(&answered.result))
              on_side_failure(*batch, *failure);
            else
              on_side_posted(*batch, std::get<posted>(answered.result));
            post_side_next();
          },
          [this](caf::error& reason) { self_->quit(std::move(reason)); });
}

// Whether there was none. That is no account's trouble: the lane waits in vain once the main lane
// has none for it either.
bool gate_state::note_side_session(loan how, const post_result& result) {
  const auto* failure = std::get_if<store_failure>(&result);
  const bool missing = failure != nullptr && failure->no_session;
  if (!missing)
    side_session_.end();
  if (missing && how == loan::given) {
    side_session_.begin(self_->clock().now());
    side_failure_ = *failure;
  }
  if (how == loan::given || std::exchange(side_session_missing_, missing) == missing)
    return missing;
  if (missing)
    log(log_event::side_session_missing, {{"gate", options_.index}, {"why", failure->detail}},
        "gate {}: the accounts set aside get no session of the database, and use that of all "
        "others now and then: {}",
        options_.index, failure->detail);
  else
    log(log_event::side_session_back, {{"gate", options_.index}},
        "gate {}: the accounts set aside have a session of the database again", options_.index);
  return missing;
}

bool gate_state::may_lend() const {
  return !open_ && self_->clock().now() >= next_loan_;
}

void gate_state::on_side_turn() {
  side_reminder_.reset();
  post_side_next();
}

} // namespace ledgerd
