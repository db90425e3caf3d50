#include "tests/simulation/database.hpp"

#include <algorithm>
#include <utility>

namespace ledgerd::sim {

database*& database::present() {
  static database* one = nullptr;
  return one;
}

database::database(machine& on) : on_(on), records_clock_(on.now) {
  present() = this;
}

database::~database() {
  present() = nullptr;
}

// -- what goes wrong

bool database::serves(owner_id whose) const {
  return up_ && !read_only_ && !cut_.contains(whose) && !silent_.contains(whose);
}

void database::note(owner_id whose) {
  if (serves(whose))
    away_.erase(whose);
  else
    away_.try_emplace(whose, on_.now);
}

void database::note_all() {
  if (up_ && !read_only_)
    all_away_.reset();
  else if (!all_away_)
    all_away_ = on_.now;
}

std::optional<time_point> database::away_since(owner_id whose) const {
  const auto own = away_.find(whose);
  if (own == away_.end())
    return all_away_;
  return all_away_ ? std::min(*all_away_, own->second) : own->second;
}

time_point database::hung_until(owner_id whose) const {
  const auto found = hung_.find(whose);
  return found == hung_.end() ? time_point::min() : found->second;
}

void database::hang(time_point until) {
  hung_[on_.running] = until;
  on_.wait(nullptr, until);
}

void database::go_down() {
  ++seen["database down"];
  up_ = false;
  ++life_;
  free(std::exchange(rows_, {}));
  if (strangers_)
    rows_.insert(*strangers_);
  note_all();
}

void database::come_up() {
  up_ = true;
  note_all();
}

void database::be_read_only(bool on) {
  read_only_ = on;
  note_all();
}

void database::cut(owner_id whose) {
  cut_.insert(whose);
  note(whose);
}

void database::silence(owner_id whose) {
  silent_.insert(whose);
  note(whose);
}

void database::mend(owner_id whose) {
  cut_.erase(whose);
  silent_.erase(whose);
  away_.erase(whose);
}

void database::end(owner_id whose) {
  for (auto* each : sessions_)
    if (each->owner_ == whose && !each->broken()) {
      each->ended_ = true;
      free(std::exchange(each->taken_, {}));
    }
  std::erase_if(sessions_, [&](const session* each) { return each->owner_ == whose; });
}

void database::terminate_one(owner_id whose) {
  std::vector<session*> alive;
  for (auto* each : sessions_)
    if (!each->broken())
      alive.push_back(each);
  if (alive.empty()) {
    ++seen["session terminated while idle"];
    idle_ended_.insert(whose);
    return;
  }
  auto& one = *alive[on_.random.below(alive.size())];
  ++seen[one.commits_ ? "session terminated at COMMIT" : "session terminated"];
  one.ended_ = true;
  free(std::exchange(one.taken_, {}));
}

void database::lock(const account_key& account) {
  if (strangers_ || !rows_.insert(account).second)
    return;
  ++seen["row locked by a stranger"];
  strangers_ = account;
  ever_obstructed_.insert(account);
}

void database::lock_records() {
  constexpr std::size_t most = 5;
  for (const auto& [id, row] : records->picture())
    if (row.status == record_status::pending && strangers_records_.size() < most
        && on_.random.one_in(2) && strangers_records_.insert(id).second)
      ++seen["record locked by a stranger"];
}

std::vector<std::size_t> database::held_of(const std::vector<record_verdict>& batch) const {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (strangers_records_.contains(batch[i].id))
      places.push_back(i);
  return places;
}

void database::unlock() {
  strangers_records_.clear();
  if (const auto row = std::exchange(strangers_, std::nullopt))
    free({*row});
}

void database::free(const std::set<account_key>& rows) {
  for (const auto& each : rows)
    rows_.erase(each);
  on_.signal(&rows_, true);
}

database::fate database::draw() {
  const std::pair<int, fate> ways[] = {{faults.answer_lost, fate::answer_lost},
                                       {faults.lost, fate::lost},
                                       {faults.late, fate::late},
                                       {faults.hung, fate::hung}};
  for (const auto& [chance, what] : ways)
    if (on_.random.percent(chance))
      return what;
  return fate::kept;
}

void database::pass_time() {
  const auto passed = std::chrono::duration_cast<milliseconds>(on_.now - records_clock_);
  records_clock_ += passed;
  records->pass(passed);
}

std::size_t database::sessions_of(owner_id whose) const {
  return static_cast<std::size_t>(
      std::count_if(sessions_.begin(), sessions_.end(),
                    [=](const session* each) { return each->owner_ == whose; }));
}

// -- sessions

database::session::session(database& of) : of_(of), owner_(of.on_.running), life_(of.life_) {
  ended_ = of_.idle_ended_.erase(owner_) > 0;
  of_.sessions_.push_back(this);
  of_.on_session(owner_);
}

database::session::~session() {
  release();
  std::erase(of_.sessions_, this);
}

void database::session::release() {
  if (!broken())
    of_.free(std::exchange(taken_, {}));
}

std::set<account_key> database::session::hand_over() {
  return std::exchange(taken_, {});
}

bool database::session::broken() const {
  return ended_ || life_ != of_.life_;
}

std::optional<store_failure> database::session::work(nanoseconds time, time_point until) {
  const auto unavailable = [](const char* why) {
    return store_failure{store_failure_kind::unavailable, why};
  };
  auto& on = of_.on_;
  on.sleep(time);
  while (of_.silent_.contains(owner_) && on.now < until)
    on.wait(nullptr, std::min(until, on.now + milliseconds{100}));
  if (of_.silent_.contains(owner_))
    return unavailable("no answer in time");
  if (!of_.up_ || of_.cut_.contains(owner_))
    return unavailable("the database is away");
  if (broken())
    return unavailable("the session was ended");
  if (of_.read_only_)
    return unavailable("cannot execute INSERT in a read-only transaction");
  return std::nullopt;
}

bool database::session::take(const account_key& account, time_point until) {
  if (taken_.contains(account))
    return true;
  while (!of_.rows_.insert(account).second) {
    ++of_.seen["waited for a row"];
    if (!of_.on_.wait(&of_.rows_, until) && of_.on_.now >= until)
      return false;
    if (broken())
      return false;
  }
  taken_.insert(account);
  return true;
}

} // namespace ledgerd::sim
