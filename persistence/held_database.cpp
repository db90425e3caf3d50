#include "persistence/held_database.hpp"

#include <mutex>
#include <utility>

namespace ledgerd {

namespace {

struct held {
  std::mutex mutex;
  std::string identity;
  std::string other; // the sentence
  bool unlasting = false;
  std::string refused; // why a new session was
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
  here.other.clear();
  here.unlasting = false;
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
    here.other.clear();
    return {};
  }
  here.other = "this is another database than the one this node began with (system identifier and "
               "oid "
               + identity + ", not " + here.identity + "): restart the node, or lead its URL back";
  return here.other;
}

void note_unlasting_commits(schema which, bool met) {
  auto& here = held_for(which);
  const std::lock_guard lock(here.mutex);
  here.unlasting = met;
}

bool note_refused_session(schema which, const std::string& why) {
  auto& here = held_for(which);
  const std::lock_guard lock(here.mutex);
  const auto before = std::exchange(here.refused, why);
  return before.empty() != why.empty();
}

std::string refused_sessions(schema which) {
  auto& here = held_for(which);
  const std::lock_guard lock(here.mutex);
  return here.refused;
}

std::string session_fault(schema which) {
  auto& here = held_for(which);
  const std::lock_guard lock(here.mutex);
  return here.other.empty() && here.unlasting ? unlasting_commits : here.other;
}

} // namespace ledgerd
