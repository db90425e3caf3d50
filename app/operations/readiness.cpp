#include "app/operations/readiness.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

#include "actors/cluster/name_board.hpp"
#include "actors/common/unplaced.hpp"
#include "actors/ledger/database_board.hpp"
#include "app/base/signals_blocked.hpp"
#include "app/operations/recovery_board.hpp"
#include "domain/failpoint.hpp"
#include "persistence/database_watch.hpp"
#include "persistence/held_database.hpp"

namespace ledgerd {

namespace {

constexpr auto look_pause = std::chrono::milliseconds{500};
constexpr auto broker_limit = std::chrono::milliseconds{1500};
constexpr auto look_limit = std::chrono::milliseconds{3500};

template <class Reader>
void look_at_database(const char* name, Reader& reader, std::vector<readiness_check>& seen) {
  if (!reader)
    return;
  try {
    auto fault = reader->write_fault();
    const bool good = fault.empty();
    seen.push_back({name, good, std::move(fault)});
  } catch (const std::exception& e) {
    seen.push_back({name, false, e.what()});
  }
}

readiness_check look_at_broker(broker& nats) {
  if (!nats.connected())
    return {"broker", false, "not connected"};
  if (auto parting = nats.parting(); !parting.empty())
    return {"broker", false, std::move(parting)};
  try {
    nats.round_trip(broker_limit);
    return {"broker", true, ""};
  } catch (const std::exception& e) {
    return {"broker", false, e.what()};
  }
}

std::string seconds_text(std::chrono::milliseconds time) {
  const auto tenths = time.count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

// The session that looks may be as it must while others have met another database.
void tell_of_unfit_sessions(std::vector<readiness_check>& checks) {
  for (const auto which : {schema::ledger, schema::account}) {
    auto fault = session_fault(which);
    if (fault.empty())
      continue;
    const std::string name = which == schema::ledger ? "database" : "account database";
    std::erase_if(checks, [&](const auto& each) { return each.name == name; });
    checks.push_back({name, false, std::move(fault)});
  }
}

// Of the account side what stands between a request and its record.
bool keeps_from_recording(const standing_actor& one) {
  const bool takes_part =
      one.who == "intake" || one.who == "recorder of the intake" || one.who == "account";
  return takes_part && !one.wait.sending;
}

// A COMMIT that hangs may be the ledger's; one of a record shows in the progress of the intake.
bool is_beyond_recording(std::string_view check) {
  return check == "broker" || check == "streams" || check == "database" || check == "commit";
}

} // namespace

readiness::readiness(std::shared_ptr<const progress_board> board,
                     std::shared_ptr<const topology_board> streams)
    : board_(std::move(board)), streams_(std::move(streams)) {}

readiness::~readiness() {
  stop();
}

void readiness::starting(const std::string& step, const std::string& why) {
  const std::lock_guard lock{mutex_};
  start_step_ = step;
  start_why_ = why;
}

void readiness::started(watched_databases databases, broker& nats) {
  {
    const std::lock_guard lock{mutex_};
    started_ = true;
    records_ = databases.records != nullptr;
    looking_since_ = clock::now();
  }
  const signals_blocked while_starting;
  thread_ = std::thread{[this, of = std::move(databases), &nats] { watch(of, nats); }};
}

void readiness::stop() {
  stop_ = true;
  if (thread_.joinable())
    thread_.join();
}

bool readiness::has_records() const {
  const std::lock_guard lock{mutex_};
  return records_;
}

std::vector<readiness_check> readiness::servers() const {
  const std::lock_guard lock{mutex_};
  if (!started_)
    return {{start_step_, false, start_why_}};
  auto result = latest_;
  const auto looking =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - looking_since_);
  if (looking >= look_limit && !draining_) {
    std::erase_if(result, [&](const auto& each) { return each.name == looking_at_; });
    result.push_back({looking_at_, false, "has not answered for " + seconds_text(looking)});
  }
  // A database that can be read may still not be able to commit.
  if (const auto wait = longest_commit_wait(); wait >= commit_notice)
    result.push_back({"commit", false, "a COMMIT has been waiting for " + seconds_text(wait)});
  return result;
}

readiness_check readiness::progress(readiness_for what) const {
  readiness_check result{"progress", true, ""};
  for (const auto& each : board_->standing(clock::now())) {
    if (what == readiness_for::submission && !keeps_from_recording(each))
      continue;
    result.ok = result.ok && each.wait.aside;
    result.detail += (result.detail.empty() ? "" : "; ") + each.who + ": " + each.wait.what
                     + ", for " + seconds_text(each.wait.since);
  }
  return result;
}

std::vector<readiness_check> readiness::latest(readiness_for what) const {
  auto result = servers();
  tell_of_unfit_sessions(result);
  if (what == readiness_for::submission)
    std::erase_if(result, [](const auto& each) { return is_beyond_recording(each.name); });
  result.push_back(progress(what));
  const auto add = [&](const char* name, std::string detail) {
    if (!detail.empty())
      result.push_back({name, false, std::move(detail)});
  };
  if (what == readiness_for::work) {
    add("letters", unplaced_letters());
    add("recovery", unrecovered());
    add("name", namesake_found());
    add("ledger", stranger_found());
  } else if (!has_records()) {
    add("roles", "this node has no account side, or has not come so far yet");
  }
  add("draining", draining_ ? "shutting down" : "");
  return result;
}

bool readiness::servers_answer() const {
  const auto seen = servers();
  return std::all_of(seen.begin(), seen.end(), [](const auto& each) { return each.ok; });
}

void readiness::looking_at(const char* what) {
  const std::lock_guard lock{mutex_};
  looking_at_ = what;
  looking_since_ = clock::now();
}

void readiness::watch(const watched_databases& databases, broker& nats) {
  while (!stop_) {
    failpoint("readiness");
    looking_at("broker");
    const auto link = look_at_broker(nats);
    std::vector<readiness_check> seen;
    looking_at("database");
    look_at_database("database", databases.ledger, seen);
    if (databases.ledger)
      note_database_fault(seen.back().detail);
    looking_at("account database");
    look_at_database("account database", databases.records, seen);
    seen.push_back(link);
    const auto problem = link.ok ? streams_->problem() : "the broker does not answer";
    seen.push_back({"streams", problem.empty(), problem});
    {
      const std::lock_guard lock{mutex_};
      latest_ = std::move(seen);
      looking_since_ = clock::now();
    }
    std::this_thread::sleep_for(look_pause);
  }
}

} // namespace ledgerd
