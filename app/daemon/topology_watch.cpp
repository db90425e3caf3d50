#include "app/daemon/topology_watch.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <map>
#include <utility>

#include "actors/common/log.hpp"
#include "app/config/config.hpp"
#include "app/operations/failed_looks.hpp"
#include "messaging/shadow_topology.hpp"
#include "messaging/stream_room.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

bool has(const std::vector<std::string>& list, const std::string& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

// By what the sentence begins with: `consumer c of stream s: ...`, `stream s: ...`.
bool is_unjudged(const std::string& sentence, const provision_report& found) {
  const auto colon = sentence.find(": ");
  if (colon == std::string::npos)
    return false;
  const auto who = sentence.substr(0, colon + 2);
  return (!found.complete && who.starts_with("consumer "))
         || std::any_of(found.silent.begin(), found.silent.end(),
                        [&](const auto& each) { return each.starts_with(who); });
}

} // namespace

provisioning provisioning_of(const config& settings, std::uint64_t database) {
  provisioning how;
  how.ledger = settings.has_role(role::ledger);
  how.account = settings.has_role(role::account);
  how.create = settings.provision;
  how.shadow = settings.shadow;
  how.shadow_from = settings.shadow_from;
  how.shadow_database = settings.shadow ? database : 0;
  how.ack_wait = settings.ack_wait;
  how.replicas = settings.stream_replicas;
  how.shutdown_deadline = settings.shutdown_deadline;
  return how;
}

topology_watch::topology_watch(const provisioning& how, broker& nats,
                               std::shared_ptr<topology_board> board, topology_pauses pauses)
    : how_(how), nats_(nats), board_(std::move(board)), pauses_(pauses),
      judge_at_(clock::now() + pauses.judge), costly_at_(clock::now() + pauses.costly),
      thread_([this] { watch(); }) {}

topology_watch::~topology_watch() {
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void topology_watch::watch() {
  for (;;) {
    try {
      if (nats_.connected() && !board_->closed()) {
        look();
        note_unseen("");
      }
    } catch (const std::exception& e) {
      note_unseen("streams and consumers cannot be looked at: " + std::string(e.what()));
    }
    std::unique_lock lock{mutex_};
    if (changed_.wait_for(lock, pauses_.look, [this] { return stop_; }))
      return;
  }
}

// Nobody has seen that anything is wrong then.
void topology_watch::note_unseen(const std::string& sentence) {
  board_->unseen(sentence);
  failed_ = sentence.empty() ? 0 : failed_ + 1;
  if (is_line_due(failed_))
    log(log_event::topology_warned, "{}", sentence);
}

void topology_watch::look() {
  may_cost_ = false;
  consumers_.clear();
  std::size_t settings = 0;
  auto gone = missing(settings);
  const bool still_gone = std::any_of(gone.begin(), gone.end(),
                                      [&](const auto& one) { return has(missing_before_, one); });
  const bool back = gone.empty() && !missing_before_.empty();
  const bool changed = std::exchange(settings_before_, settings) != settings && gone.empty();
  missing_before_ = std::move(gone);
  board_->wrong(wrong_.empty() ? missing_before_ : wrong_); // the survey may come to no end
  if (board_->closed()) // each part may wait for several answers
    return;
  if (still_gone || back || changed || !wrong_.empty() || !blind_.empty()
      || clock::now() >= judge_at_)
    survey();
  if (how_.ledger && requests_.exists && !board_->closed()) {
    find_lost();
    find_deleted();
    find_blind(); // the next survey says it
  }
  board_->wrong(!wrong_.empty() || still_gone ? wrong_ : missing_before_);
}

std::vector<std::string> topology_watch::missing(std::size_t& settings) {
  std::vector<std::string> gone;
  std::vector<stream_fill> fills;
  const auto note = [&](std::string_view name, const stream_state& state) {
    settings = 31 * settings + state.settings_digest;
    if (!state.exists)
      gone.push_back("stream " + std::string(name) + " is missing");
    note_fill(name, state, fills);
  };
  const auto look_at = [&](std::string_view name) {
    try {
      const auto state = nats_.stream(name);
      note(name, state);
      return state;
    } catch (const std::exception&) {
      board_->filled(std::move(fills)); // an old number would be a lie
      throw;
    }
  };
  requests_ = look_at(names::request_stream);
  if (std::exchange(last_before_, requests_.last_seq) != requests_.last_seq)
    last_moved_at_ = clock::now();
  look_at(names::result_stream);
  stream_state letters; // a shadow has none
  if (!how_.shadow)
    letters = look_at(names::dead_letter_stream);
  board_->seen({clock::now(), requests_.created_at_ns, requests_.last_seq, letters.messages});
  if (how_.create && !how_.shadow)
    for (const auto name : {names::exhausted_stream, names::action_stream})
      if (const auto state = look_beside(name))
        note(name, *state);
  board_->filled(std::move(fills));
  std::map<std::string_view, std::vector<std::string>> present; // by stream, asked once
  for (const auto& one : consumers_of(how_.shadow)) {
    if (!one.is_read(how_.ledger, how_.account))
      continue;
    const auto [found, fresh] = present.try_emplace(one.stream);
    if (fresh)
      found->second = nats_.consumer_names(one.stream);
    if (!has(found->second, std::string(one.name)))
      gone.push_back("consumer " + std::string(one.name) + " is missing");
  }
  return gone;
}

// At a stream without which money moves: whoever needs it says more. One that is silent makes wait
// for each answer, so it is asked for now and then.
std::optional<stream_state> topology_watch::look_beside(std::string_view name) {
  auto& ask_at = ask_beside_at_[name];
  if (clock::now() < ask_at)
    return std::nullopt;
  try {
    return nats_.stream(name);
  } catch (const part_silent& why) {
    ask_at = clock::now() + pauses_.complain;
    log(log_event::topology_warned, "{}", why.what());
    return std::nullopt;
  }
}

void topology_watch::note_fill(std::string_view stream, const stream_state& state,
                               std::vector<stream_fill>& fills) {
  if (state.exists)
    fills.push_back({std::string(stream), full_percent(state), state.messages, state.bytes,
                     note_copies(stream, state)});
  if (!is_full(state))
    full_.erase(std::string(stream));
  else if (full_.emplace(stream).second)
    log(log_event::stream_full, {{"stream", stream}},
        "the stream {} is full ({}) and refuses what is published: raise its limits or purge what "
        "is settled",
        stream, room_text(state));
}

std::size_t topology_watch::note_copies(std::string_view stream, const stream_state& state) {
  auto& copies = copies_[std::string(stream)];
  const auto change = copies.look(state.weak_copies, clock::now(), pauses_.weak);
  if (change == missing_copies::change::fewer)
    log(log_event::stream_copies_missing, {{"stream", stream}, {"servers", copies.text()}},
        "a copy of the stream {} has been away or behind for {} s ({}): money moves while more "
        "than half of the copies are there; bring the server back, or have another one keep it",
        stream, std::chrono::duration_cast<std::chrono::seconds>(pauses_.weak).count(),
        copies.text());
  else if (change == missing_copies::change::whole)
    log(log_event::topology_right, "all copies of the stream {} are there again", stream);
  return copies.count();
}

// Makes again what is missing, and judges.
void topology_watch::survey() {
  const auto now = clock::now();
  auto how = how_;
  how.despite_faults = true; // what works goes on working
  // A nats-server before 2.10 is asked what may cost only now and then, while nothing comes.
  may_cost_ = how.may_cost = now >= costly_at_ && now - last_moved_at_ >= pauses_.judge;
  const auto found = nats_.provision(how);
  judge_at_ = now + (found.silent.empty() ? pauses_.judge : pauses_.complain);
  if (how.may_cost)
    costly_at_ =
        now + (found.refused.empty() && found.silent.empty() ? pauses_.costly : pauses_.judge);
  for (const auto& one : found.made)
    log(log_event::topology_made_again, {{"what", one}},
        "{} had disappeared while the daemon was running and has been made again", one);
  board_->made_again(found.made.size());
  auto told = found.warned;
  told.insert(told.end(), found.silent.begin(), found.silent.end());
  for (const auto& one : told)
    if (!has(warned_, one))
      log(log_event::topology_warned, "{}", one);
  warned_ = std::move(told);
  auto sentences = found.refused;
  for (const auto& [name, sentence] : blind_)
    sentences.push_back(sentence);
  for (const auto& each : wrong_) // what was wrong with what could not be judged still is
    if (is_unjudged(each, found) && !has(sentences, each))
      sentences.push_back(each);
  note_wrong(std::move(sentences));
}

void topology_watch::note_wrong(std::vector<std::string> sentences) {
  const auto now = clock::now();
  const bool due = now >= complain_at_;
  for (const auto& one : sentences)
    if (due || !has(wrong_, one))
      log(log_event::topology_wrong, "{}", one);
  if (due || wrong_.empty())
    complain_at_ = now + pauses_.complain;
  if (sentences.empty() && !wrong_.empty())
    log(log_event::topology_right, "streams and consumers are as they should be again");
  wrong_ = std::move(sentences);
}

// Asked once in a look. Nothing: it is silent, and whoever pulls from it says so.
const std::optional<consumer_state>& topology_watch::ask_once(const durable_consumer& one) {
  const auto [found, fresh] = consumers_.try_emplace(one.name);
  if (fresh)
    try {
      found->second = nats_.consumer(one.stream, one.name);
    } catch (const part_silent&) {
    }
  return found->second;
}

// Nothing: one of them is silent.
std::optional<std::vector<consumer_state>> topology_watch::request_consumers() {
  std::vector<consumer_state> result;
  for (const auto& one : consumers_of(how_.shadow))
    if (one.stream == names::request_stream) {
      const auto& state = ask_once(one);
      if (!state)
        return std::nullopt;
      result.push_back(*state);
    }
  return result;
}

// Requests that no consumer will hand out as long as the same server leads it. A stream with one
// replica has no other; the account side asks the ledger when a result does not come.
void topology_watch::find_blind() {
  if (requests_.leader.empty() || requests_.on_old_server)
    return blind_.clear();
  for (const auto& one : consumers_of(how_.shadow))
    if (one.stream == names::request_stream && !board_->closed())
      if (const auto& state = ask_once(one))
        note_blind(one, *state);
}

void topology_watch::note_blind(const durable_consumer& one, const consumer_state& state) {
  std::optional<stored_message> last;
  if (blind_consumer::is_possible(requests_, state))
    last = nats_.last_message(one.stream, one.filter.empty() ? ">" : one.filter);
  blind_.erase(one.name);
  if (spells_[one.name].look(state, last, clock::now()) >= pauses_.blind)
    blind_[one.name] = "the server " + state.leader + ", which leads the consumer "
                       + std::string(one.name) + ", does not see what the stream "
                       + std::string(one.stream) + " holds: it has handed out up to "
                       + std::to_string(state.delivered) + " and says that nothing waits, but "
                       + std::to_string(last->seq) + " is there; have another server lead it (nats "
                       + "consumer cluster step-down " + std::string(one.stream) + " "
                       + std::string(one.name) + ")";
}

// Requests that went with their stream, which somebody has deleted as a whole.
void topology_watch::find_lost() {
  if (const auto lost = lives_.look(requests_))
    tell_lost(*lost);
  if (lives_.asks() && (!requests_.on_old_server || may_cost_))
    if (const auto consumers = request_consumers())
      lives_.hear(*consumers);
}

void topology_watch::tell_lost(const lost_requests& lost) {
  board_->deleted_unread(lost.count);
  const auto [first, last] = lost.range;
  if (lost.settled_known)
    log(log_event::requests_deleted,
        {{"stream", names::request_stream}, {"first", first}, {"last", last}},
        "the stream {} was deleted and made anew; at the last look at most {} requests between {} "
        "and {} had not been settled, and are gone unless a node still holds them: publish them "
        "again",
        names::request_stream, lost.count, first, last);
  else
    log(log_event::requests_deleted,
        {{"stream", names::request_stream}, {"first", first}, {"last", last}},
        "the stream {} was deleted and made anew; it held {} requests between {} and {}, and how "
        "many of them had been settled is not known: compare with the ledger, publish the rest "
        "again",
        names::request_stream, lost.count, first, last);
}

void topology_watch::find_deleted() {
  if (std::exchange(known_life_, requests_.created_at_ns) != requests_.created_at_ns) {
    first_before_ = 0;
    deleted_to_ = 0;
    ask_deleted_at_ = {};
  }
  // Only when the first sequence moves can anything have been deleted before it.
  if (requests_.first_seq <= std::max<std::uint64_t>(first_before_, 1)
      || clock::now() < ask_deleted_at_)
    return;
  ask_deleted_at_ = clock::now() + pauses_.judge;
  const auto consumers = request_consumers();
  if (!consumers) {
    if (!requests_.on_old_server)
      ask_deleted_at_ = {};
    return;
  }
  first_before_ = requests_.first_seq;
  const auto range = deleted_unread(requests_.first_seq, *consumers);
  if (!range || range->last <= deleted_to_)
    return;
  const auto first = std::max(range->first, deleted_to_ + 1);
  log(log_event::requests_deleted,
      {{"stream", names::request_stream}, {"first", first}, {"last", range->last}},
      "stream {}: the messages {} to {} were deleted before they were decided; see who "
      "deletes them (limits of the stream, max_age, a purge) and publish them again",
      names::request_stream, first, range->last);
  board_->deleted_unread(range->last - first + 1);
  deleted_to_ = range->last;
}

} // namespace ledgerd
