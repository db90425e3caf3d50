// Two books and a line between them that loses, delays, reorders and duplicates what it carries,
// driven by a seed. The asker's region and the owner's gate are played by the test.
#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "actors/ledger/peer_book.hpp"
#include "actors/ledger/receiver_book.hpp"

namespace ledgerd::test {

inline constexpr boot_id asker_boot{0xa};
inline constexpr boot_id owner_boot{0xb};

struct link_chances {
  int lose = 0;      // percent of messages
  int duplicate = 0; // likewise
  int delay = 0;     // likewise: by up to five seconds, so that others overtake them
  int damage = 0;    // likewise: rubbish comes instead
  int later = 0;     // percent of entries
  int fail = 0;
  int stuck = 0; // decided only when all is to come to rest
};

class link_world {
public:
  using time_point = peer_book::time_point;

  link_world(std::uint32_t seed, link_chances how, peer_limits limits, capacity room)
      : random(seed), chances(how), asker(asker_boot, owner_boot, limits), owner(owner_boot, room),
        room_(room) {}

  std::minstd_rand random;
  link_chances chances;
  peer_book asker;
  receiver_book owner;
  time_point now{std::chrono::hours{1}};
  bool owner_listens = true;
  bool owner_frozen = false;
  bool asker_frozen = false;
  std::string stuck_user; // whose entries are never decided

  std::map<ticket, entry> asked;                       // all there ever was
  std::map<ticket, std::vector<ticketed_answer>> told; // what the fetcher heard
  std::size_t decided_at_home = 0;

  bool happens(int percent) { return static_cast<int>(random() % 100) < percent; }

  // What the fetcher asks, and the region gives to the peer.
  void ask(std::size_t count) {
    std::vector<asked_entry> batch;
    for (std::size_t i = 0; i < count; ++i) {
      const auto tag = static_cast<ticket>(asked.size() + 1);
      // A few ids twice, a few of these with other content.
      const auto id = static_cast<std::int64_t>(happens(5) && tag > 9 ? tag - 9 : tag);
      entry one{record_id{id},
                {"user-" + std::to_string(id % 7), *currency_code::parse("KRW")},
                id % 3 == 0 ? movement::withdrawal : movement::deposit,
                money{id % 97 + 1 + (happens(2) ? 1 : 0)}};
      asked.emplace(tag, one);
      batch.push_back({std::move(one), {{}, tag}, tag});
    }
    asker.add(std::move(batch));
    run_asker();
  }

  // The region is told that the owner does not serve.
  void yield() {
    asker.give_back_all();
    run_asker();
  }

  // Replies come to another inbox from now on, as after a new connection.
  void connect_anew() { inbox_ = "_INBOX.a" + std::to_string(random()) + "."; }

  // The owner's process ends and another begins, which the old one's frames do not reach.
  void kill_owner() {
    owner_listens = false;
    at_gate_.clear();
    std::destroy_at(&owner);
    std::construct_at(&owner, owner_boot, room_);
  }

  // Lets time pass and everybody act.
  void step(std::chrono::milliseconds duration = std::chrono::milliseconds{50}) {
    now += duration;
    deliver();
    if (!owner_frozen)
      decide();
    if (!asker_frozen) {
      asker.look(now);
      run_asker();
    }
  }

  // No more trouble.
  void heal() {
    chances = {};
    owner_listens = true;
    owner_frozen = asker_frozen = false;
  }

  // Whether all have an answer but those of the account that is stuck.
  bool only_stuck_wait() const {
    return std::all_of(asked.begin(), asked.end(), [this](const auto& each) {
      return each.second.account.user_id == stuck_user || told.contains(each.first);
    });
  }

  std::size_t unanswered() const { return asked.size() - told.size(); }
  bool at_rest() const {
    return unanswered() == 0 && asker.held() == 0 && owner.held() == 0 && at_gate_.empty();
  }

private:
  struct message {
    time_point due;
    bool to_owner = false;
    std::uint64_t number = 0;
    bool nobody = false;
    std::string payload;
    std::string inbox; // of a frame: where its replies go
  };

  void carry(message one) {
    if (happens(chances.lose))
      return;
    one.due = now + std::chrono::milliseconds{random() % 3};
    if (happens(chances.delay))
      one.due += std::chrono::milliseconds{random() % 5000};
    if (happens(chances.damage))
      one.payload = std::string(random() % 30, static_cast<char>(random()));
    for (int copies = happens(chances.duplicate) ? 2 : 1; copies > 0; --copies)
      line_.push_back(one);
  }

  void deliver() {
    std::stable_sort(line_.begin(), line_.end(),
                     [](const auto& a, const auto& b) { return a.due < b.due; });
    std::vector<message> kept;
    for (auto& each : std::exchange(line_, {})) {
      if (each.due > now || (each.to_owner ? owner_frozen : asker_frozen))
        kept.push_back(std::move(each));
      else if (!each.to_owner)
        asker.take({each.number, each.nobody, each.payload});
      else if (!owner_listens)
        carry({.due = {}, .number = each.number, .nobody = true, .payload = {}, .inbox = {}});
      else
        owner.take(each.payload, each.inbox + std::to_string(each.number), {}, at_gate_);
    }
    std::move(kept.begin(), kept.end(), std::back_inserter(line_));
    write_letters();
  }

  void write_letters() {
    for (auto& each : owner.take_letters())
      if (each.reply.starts_with(inbox_))
        carry({.due = {},
               .number = std::stoull(each.reply.substr(inbox_.size())),
               .payload = std::move(each.payload),
               .inbox = {}});
  }

  // Some of what waits, in any order: every ticket once.
  void decide() {
    std::shuffle(at_gate_.begin(), at_gate_.end(), random);
    std::vector<ticketed_answer> batch;
    std::vector<asked_entry> stuck;
    for (auto left = random() % 200; left > 0 && !at_gate_.empty(); --left) {
      auto one = std::move(at_gate_.back());
      at_gate_.pop_back();
      const auto tag = one.from.tag;
      if (one.asked.account.user_id == stuck_user || happens(chances.stuck))
        stuck.push_back(std::move(one));
      else if (happens(chances.later))
        batch.push_back({tag, std::nullopt, {}, true});
      else if (happens(chances.fail))
        batch.push_back({tag, std::nullopt, "refused", false});
      else
        batch.push_back({tag, verdict_on(one.asked), {}, false});
    }
    std::move(stuck.begin(), stuck.end(), std::back_inserter(at_gate_));
    owner.answer(std::move(batch));
    write_letters();
  }

  void run_asker() {
    for (auto next = asker.next(1 << 20); next; next = asker.next(1 << 20))
      carry({.due = {},
             .to_owner = true,
             .number = next->number,
             .payload = std::string{next->frame},
             .inbox = inbox_});
    for (auto& [whom, answers] : asker.take_answers())
      for (auto& each : answers)
        told[each.tag].push_back(std::move(each));
    std::vector<asked_entry> again;
    for (auto& each : asker.take_given_back())
      if (each.hops_left > 0)
        again.push_back(std::move(each));
      else
        decide_at_home(each);
    if (!again.empty()) {
      asker.add(std::move(again));
      run_asker();
    }
  }

  void decide_at_home(const asked_entry& one) {
    ++decided_at_home;
    told[one.from.tag].push_back({one.from.tag, verdict_on(one.asked), {}, false});
  }

  // The database that both share: who comes first decides.
  answer verdict_on(const entry& one) {
    if (const auto found = rows_.find(one.id); found != rows_.end())
      return {same_content(one, found->second) ? outcome::duplicate : outcome::conflict,
              found->second};
    const auto what = one.type == movement::withdrawal && to_int(one.id) % 2 == 0
                          ? outcome::insufficient_funds
                          : outcome::applied;
    const auto number = static_cast<std::int64_t>(rows_.size() + 1);
    posting row{transaction_id{number},
                one.id,
                one.account,
                number,
                one.type,
                one.amount,
                what,
                money{what == outcome::applied ? one.amount.minor_units() + number : 0},
                database_time{number}};
    rows_.emplace(one.id, row);
    return {what, row};
  }

public:
  const std::map<record_id, posting>& rows() const { return rows_; }

private:
  const capacity room_;
  std::string inbox_ = "_INBOX.a.";
  std::map<record_id, posting> rows_;
  std::vector<message> line_;
  std::vector<asked_entry> at_gate_;
};

} // namespace ledgerd::test
