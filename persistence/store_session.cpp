#include "persistence/store_session.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "persistence/connection_string.hpp"

namespace ledgerd {

namespace {

// Every statement of a store has one right plan, a nested loop over an index, and must not depend
// on what the planner believes about tables that were empty a minute ago. The order of a nested
// loop is also the order in which rows are locked.
constexpr const char* planner_settings =
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off "
    "-c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

} // namespace

store_session::store_session(const std::string& database_url, std::vector<statement> statements,
                             std::string_view taken)
    : connection_string_(connection_string(database_url, planner_settings)),
      statements_(std::move(statements)), taken_(taken), random_(std::random_device{}()) {}

database& store_session::connected() {
  if (!database_)
    database_.emplace(connection_string_, statements_);
  return *database_;
}

std::optional<store_failure> store_session::judge(const database_error& error) {
  switch (error.fault()) {
  case database_fault::rolled_back:
  case database_fault::unique:
  case database_fault::content:
  case database_fault::blocked:
    try {
      database_->rollback();
    } catch (const database_error&) {
      database_.reset();
    }
    if (error.fault() == database_fault::rolled_back || error.fault() == database_fault::unique)
      return std::nullopt;
    break;
  case database_fault::in_doubt:
  case database_fault::lost:
  case database_fault::away:
  case database_fault::refused:
    database_.reset();
  }
  return store_failure{failure_kind(error.fault()), error.what()};
}

void store_session::pause(int attempt) {
  std::uniform_int_distribution<int> milliseconds(0, std::min(5 << attempt, 100));
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random_)));
}

} // namespace ledgerd
