#include "persistence/held_database.hpp"

#include <mutex>
#include <utility>

namespace ledgerd {

namespace {

struct held {
  std::mutex mutex;
  std::string identity;
  std::optional<other_database> other;
};

held& held_for(schema which) {
  static auto* const both = new held[2]; // sessions may be opened until the very end
  return both[which == schema::ledger ? 0 : 1];
}

} // namespace

void hold_to_database(schema which, std::string identity) {
  auto& here = held_for(which);
  const std::lock_guard lock(here.mutex);
  here.identity = std::move(identity);
  here.other.reset();
}

bool holds_to_database(schema which) {
  auto& here = held_for(which);
  const std::lock_guard lock(here.mutex);
  return !here.identity.empty();
}

std::string judge_database(schema which, const std::string& identity) {
  auto& here = held_for(which);
  const std::lock_guard lock(here.mutex);
  if (here.identity.empty() || identity.empty())
    return {};
  if (identity == here.identity) {
    here.other.reset();
    return {};
  }
  if (!here.other)
    here.other = {{}, std::chrono::steady_clock::now()};
  here.other->sentence = "this is another database than the one this node began with (system "
                         "identifier and oid "
                         + identity + ", not " + here.identity
                         + "): restart the node, or lead its URL back";
  return here.other->sentence;
}

std::optional<other_database> other_database_met(schema which) {
  auto& here = held_for(which);
  const std::lock_guard lock(here.mutex);
  return here.other;
}

std::optional<std::chrono::steady_clock::time_point> sessions_strayed() {
  std::optional<std::chrono::steady_clock::time_point> since;
  for (const auto which : {schema::ledger, schema::account})
    if (const auto other = other_database_met(which); other && (!since || other->since < *since))
      since = other->since;
  return since;
}

} // namespace ledgerd
