#include "persistence/postgres/store_session.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace ledgerd {

namespace {

// Every statement of a store has one right plan, a nested loop over an index, and must not depend
// on what the planner believes about tables that were empty a minute ago. The order of a nested
// loop is also the order in which rows are locked.
constexpr const char* planner_settings =
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off "
    "-c enable_hashjoin=off -c enable_mergejoin=off";

constexpr std::chrono::milliseconds idle_lock_limit{500};

} // namespace

store_session::store_session(url_source url, schema which, std::vector<statement> statements,
                             std::string_view taken, std::vector<prepared_call> idle)
    : session_(std::move(url), which, planner_settings, std::move(statements)), taken_(taken),
      idle_(std::move(idle)), random_(std::random_device{}()) {}

void store_session::refuse_behind_own_commit() {
  if (!given_up_)
    return;
  const auto waits = session_.run([this](database& session) {
    return session
               .run("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = "
                    + std::to_string(given_up_->process()))
               .size()
           > 0;
  });
  if (waits) {
    given_up_->seen();
    throw database_error(database_fault::away,
                         "a COMMIT that was given up still waits for a synchronous standby, in "
                         "process "
                             + std::to_string(given_up_->process()) + " of the server");
  }
  given_up_.reset();
}

bool store_session::only_rows_are_refused() try {
  auto* const session = session_.get();
  if (session == nullptr || session->expired())
    return false;
  session->rollback();
  session->begin({.lock = idle_lock_limit, .statement = {}}, idle_);
  session->rollback();
  return true;
} catch (const database_error&) {
  return false;
}

// A transaction of its own that writes no row: what it meets is no row's fault.
bool store_session::gives_no_ids() try {
  if (session_.get() == nullptr)
    return true;
  session_.get()->rollback();
  session_.get()->run("SELECT pg_current_xact_id()");
  return false;
} catch (const database_error&) {
  return true;
}

std::optional<store_failure> store_session::judge(const database_error& error) {
  const bool had_session = session_.get() != nullptr;
  const bool may_be_a_row = error.fault() == database_fault::refused
                            || error.fault() == database_fault::lost
                            || error.fault() == database_fault::unreadable;
  if (may_be_a_row && only_rows_are_refused())
    return store_failure{store_failure_kind::blocked, error.what(), {}, 0, true};
  if (error.fault() == database_fault::limited && gives_no_ids()) {
    session_.drop();
    return store_failure{store_failure_kind::unavailable, error.what()};
  }
  switch (error.fault()) {
  case database_fault::rolled_back:
  case database_fault::unique:
  case database_fault::content:
  case database_fault::blocked:
  case database_fault::limited:
    try {
      if (session_.get() != nullptr)
        session_.get()->rollback();
    } catch (const database_error&) {
      session_.drop();
    }
    if (error.fault() == database_fault::rolled_back || error.fault() == database_fault::unique)
      return std::nullopt;
    break;
  case database_fault::in_doubt:
    if (session_.get() != nullptr && session_.get()->expired())
      given_up_.emplace(session_.get()->backend(), session_.get()->last_begun());
    [[fallthrough]];
  case database_fault::lost:
  case database_fault::away:
  case database_fault::unreadable:
  case database_fault::refused:
    session_.drop();
  }
  store_failure failure{failure_kind(error.fault()), error.what()};
  failure.refused = error.fault() == database_fault::away
                    || error.fault() == database_fault::unreadable
                    || error.fault() == database_fault::refused;
  // Whatever kept it from being opened is no row's fault, as a lock on a table that a statement
  // names.
  if (!had_session) {
    failure.refused = failure.refused || failure.kind == store_failure_kind::blocked;
    failure.kind = store_failure_kind::unavailable;
  }
  failure.no_session = failure.kind == store_failure_kind::unavailable && !had_session;
  return failure;
}

void store_session::pause(int attempt) {
  std::uniform_int_distribution<int> milliseconds(0, std::min(5 << attempt, 100));
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random_)));
}

} // namespace ledgerd
