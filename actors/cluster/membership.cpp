#include "actors/cluster/membership.hpp"

#include <algorithm>
#include <utility>

#include "actors/cluster/name_board.hpp"
#include "actors/common/log.hpp"
#include "actors/common/question_board.hpp"
#include "actors/common/waker.hpp"
#include "domain/failpoint.hpp"
#include "messaging/names.hpp"
#include "messaging/service_codec.hpp"

namespace ledgerd {

namespace {

// Between two words, however often there is something new to say.
constexpr auto news_pause = std::chrono::milliseconds{20};
// The same for those who ask and those who are new: they could be many, or strangers.
constexpr auto answer_pause = std::chrono::milliseconds{250};
constexpr std::size_t questions_at_once = 16;
// The root counts twice a second, and gives up a count after two.
constexpr auto tally_age_max = std::chrono::seconds{5};

std::uint64_t milliseconds(caf::actor_clock::duration_type time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

std::string describe(const node_word& word) {
  return word.name + " (" + to_text(word.boot) + ", " + word.version + ")";
}

// To whoever looks for services, such as `nats micro ls`. The wall clock is only shown.
std::string service_answer(service_question asked, const node_word& self,
                           caf::actor_clock::duration_type uptime) {
  auto endpoints = service_endpoints(self.ledger, self.account);
  for (auto& each : endpoints) {
    auto tally = answered_on(each.subject);
    each.requests = tally.requests;
    each.errors = tally.errors;
    each.last_error = std::move(tally.last_error);
    each.processing_ns = tally.processing.count();
  }
  const auto started = std::chrono::system_clock::now().time_since_epoch() - uptime;
  return encode_service(
      asked,
      {.boot = self.boot,
       .version = self.version,
       .node = self.name,
       .ledger = self.ledger,
       .account = self.account,
       .started_us = std::chrono::duration_cast<std::chrono::microseconds>(started).count()},
      endpoints);
}

} // namespace

membership_state::~membership_state() {
  note_namesake({});
  note_stranger({});
  if (!options_.line)
    return;
  options_.self.doing = node_doing::gone;
  options_.self.asks = false;
  options_.line->say(encode_word(options_.self));
}

node_doing membership_state::doing() const {
  return starting_ && told_ != node_doing::leaving ? node_doing::starting : told_;
}

const node_word* membership_state::namesake() const {
  return members_.namesake(options_.self.name, starting_);
}

const node_word* membership_state::stranger() const {
  return members_.stranger(starting_);
}

void membership_state::say(time_point now) {
  auto& word = options_.self;
  word.doing = said_ = doing();
  word.uptime_ms = milliseconds(now - began_);
  // It asks more than once, for a word may be lost.
  word.asks = word.doing == node_doing::starting;
  if (!failpoint("word"))
    options_.line->say(encode_word(word));
  last_word_ = now;
  next_word_ = now + (word.asks ? answer_pause : options_.word_every);
}

void membership_state::say_soon(std::chrono::milliseconds pause) {
  next_word_ = std::min(next_word_, last_word_ + pause);
  if (const auto now = self_->clock().now(); now >= next_word_)
    say(now);
}

void membership_state::hear(const node_word& word, bool& news) {
  if (word.boot == options_.self.boot) {
    unheard_ = std::chrono::milliseconds{0};
    return;
  }
  ++counters_.heard;
  const auto now = self_->clock().now();
  const auto what = members_.hear(word);
  switch (what) {
  case member_news::nothing:
  case member_news::changed:
    break;
  case member_news::joined:
    ++counters_.joined;
    if (members_.is_stranger(word))
      break; // has a line of its own
    if (const auto more = lines_.admit("joined " + word.name, now))
      log(log_event::node_joined, {{"peer", word.name}, {"boot", to_text(word.boot)}},
          "cluster: node {} is {}{}", describe(word), to_text(word.doing), left_out_text(*more));
    break;
  case member_news::left:
    if (const auto more = lines_.admit("left " + word.name, now))
      log(log_event::node_left, {{"peer", word.name}, {"boot", to_text(word.boot)}},
          "cluster: node {} has gone{}", describe(word), left_out_text(*more));
    break;
  case member_news::refused:
    ++counters_.dropped;
    return;
  }
  news = news || what != member_news::nothing;
  // Who is new is to know us at once: after an outage all find each other together.
  if (word.asks || what == member_news::joined)
    say_soon(answer_pause);
}

void membership_state::take_words() {
  failpoint("membership");
  bool news = false;
  for (const auto& payload : options_.line->take()) {
    if (const auto word = decode_word(payload))
      hear(*word, news);
    else
      ++counters_.dropped;
  }
  if (!news)
    return;
  look_for_rivals(self_->clock().now());
  tell_roster();
}

void membership_state::take_questions() {
  if (!options_.desk)
    return;
  const auto questions = options_.desk->take(questions_at_once);
  if (questions.empty())
    return;
  const auto now = self_->clock().now();
  const auto text = encode_answer(answer(now));
  for (const auto& each : questions) {
    if (const auto asked = read_service_question(each.subject, options_.self.boot))
      options_.desk->answer(each.reply, service_answer(*asked, options_.self, now - began_), {});
    else if (each.subject.starts_with(names::service_prefix))
      continue; // what no node answers, or another one does
    else if (each.payload.empty() || !options_.other_questions || !options_.other_questions(each))
      options_.desk->answer(each.reply, text, {});
  }
  counters_.answered += static_cast<std::int64_t>(questions.size());
  // A message for the rest, so that others get their turn between.
  if (questions.size() == questions_at_once)
    self_->send(self_, wake_atom_v);
}

// Only time in which we listened counts: whatever stopped this process for longer also kept it from
// hearing.
void membership_state::judge_silence(time_point now) {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::min<caf::actor_clock::duration_type>(now - last_look_, 2 * options_.beat));
  last_look_ = now;
  const auto lost = members_.pass(passed);
  for (const auto& each : lost) {
    ++counters_.lost;
    if (members_.is_stranger(each))
      continue; // no account of ours was its
    if (const auto more = lines_.admit("silent " + each.name, now))
      log(log_event::node_silent, {{"peer", each.name}, {"boot", to_text(each.boot)}},
          "cluster: node {} is silent: its accounts go to the others{}", describe(each),
          left_out_text(*more));
  }
  if (!lost.empty())
    tell_roster();
  unheard_ += passed;
  if (unheard_ >= options_.patience)
    if (const auto more = standing_lines_.admit("deaf", now))
      log(log_event::node_deaf,
          "cluster: this node's own words on {} do not come back, so it hears nobody and "
          "takes itself to be alone: is NATS away, or are permissions missing?{}",
          names::cluster_word, left_out_text(*more));
}

void membership_state::look_for_namesake(time_point now) {
  const auto* other = namesake();
  if (other == nullptr)
    return note_namesake({});
  const auto what = "another node that lives has this one's name: " + describe(*other)
                    + (starting_ ? ": this one does not begin meanwhile" : "");
  note_namesake(what);
  if (const auto more = standing_lines_.admit("namesake " + to_text(other->boot), now))
    log(log_event::node_name_taken, {{"peer", other->name}, {"boot", to_text(other->boot)}},
        "cluster: {}{}", what, left_out_text(*more));
}

void membership_state::look_for_stranger(time_point now) {
  const auto* other = stranger();
  if (other == nullptr)
    return note_stranger({});
  const auto what = "the node " + describe(*other) + " serves another ledger (database "
                    + to_text(boot_id{other->database}) + ", this node's is "
                    + to_text(boot_id{options_.self.database})
                    + "): nodes on one broker serve one, so this one "
                    + (starting_ ? "does not begin" : "pulls nothing") + " meanwhile";
  note_stranger(what);
  if (const auto more = standing_lines_.admit("stranger " + to_text(other->boot), now))
    log(log_event::node_of_other_ledger, {{"peer", other->name}, {"boot", to_text(other->boot)}},
        "cluster: {}{}", what, left_out_text(*more));
}

// Nobody who serves makes way for one that only starts.
void membership_state::look_for_rivals(time_point now) {
  look_for_namesake(now);
  look_for_stranger(now);
  if (now - began_ >= options_.starting_pause && namesake() == nullptr && stranger() == nullptr)
    starting_ = false;
}

void membership_state::tell_roster() {
  const auto now = std::make_shared<const roster>(roster{options_.self, members_.living()});
  for (const auto& each : sinks_)
    self_->send(each, roster_atom_v, roster_ptr{now});
}

void membership_state::on_tick() {
  take_words(); // first: what has come while nobody looked
  take_questions();
  const auto now = self_->clock().now();
  judge_silence(now);
  look_for_rivals(now);
  if (doing() != said_) {
    say(now);
    tell_roster();
  } else if (now >= next_word_) {
    say(now);
  }
}

cluster_answer membership_state::answer(time_point now) const {
  cluster_answer result{.word = options_.self, .knows = members_.known(), .tally = tally_};
  result.word.uptime_ms = milliseconds(now - began_);
  // What nobody has counted of late may be another number by now.
  if (result.word.uptime_ms - tally_.counted_ms > milliseconds(tally_age_max)) {
    result.tally.entries.reset();
    result.tally.undecided.clear();
  }
  for (auto& each : result.knows)
    each.link_up = std::find(links_.begin(), links_.end(), each.boot) != links_.end();
  return result;
}

actor_report membership_state::report() const {
  auto counters = counters_;
  counters.dropped += static_cast<std::int64_t>(options_.line->dropped());
  return make_report(name, "",
                     membership_numbers{counters,
                                        {.members = members_.living().size() + 1,
                                         .namesakes = namesake() != nullptr,
                                         .strangers = stranger() != nullptr,
                                         .deaf = unheard_ >= options_.patience}});
}

membership_actor::behavior_type membership_state::make_behavior(membership_options options) {
  options_ = std::move(options);
  members_ = member_table{options_.self.boot, options_.patience, options_.self.database};
  began_ = last_look_ = self_->clock().now();
  const auto wake = make_waker(membership_actor{self_});
  options_.line->open(wake);
  if (options_.desk)
    options_.desk->open(wake);
  say(began_);
  self_->delayed_send(self_, options_.beat, tick_atom_v);
  return {
      [this](doing_atom, node_doing what) {
        told_ = what;
        if (doing() == said_)
          return;
        say(self_->clock().now());
        tell_roster();
      },
      [this](released_atom, std::uint64_t digest) {
        if (std::exchange(options_.self.released, digest) != digest)
          say_soon(news_pause);
      },
      [this](links_atom, std::vector<boot_id>& up) { links_ = std::move(up); },
      [this](tally_atom, node_tally& counted) {
        tally_ = std::move(counted);
        tally_.counted_ms = milliseconds(self_->clock().now() - began_);
      },
      [this](roster_atom, const roster_sink& who) {
        sinks_.push_back(who);
        tell_roster();
      },
      [this](report_atom) { return report(); },
      [this](wake_atom) {
        take_words();
        take_questions();
      },
      [this](tick_atom) {
        on_tick();
        self_->delayed_send(self_, options_.beat, tick_atom_v);
      },
  };
}

membership_actor::behavior_type
membership(membership_actor::stateful_pointer<membership_state> self, membership_options options) {
  return self->state.make_behavior(std::move(options));
}

} // namespace ledgerd
