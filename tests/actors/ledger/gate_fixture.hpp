// A gate between fakes: two posters on one scripted store, a fetcher and ledgers that note what
// they hear.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/ledger/gate.hpp"

#include "tests/actors/fixture.hpp"

namespace ledgerd::test {

// A store that does as it is told.
struct scripted_store {
  enum class naming { at_once, one_by_one, never };

  std::vector<gate_batch_ptr> posted;                     // all posts of both lanes, in order
  std::vector<bool> aside;                                // by post: through the side lane
  std::deque<std::optional<store_failure_kind>> failures; // of the next posts; nothing: none
  bool knows_all = false;                                 // nothing has to be written
  bool says_no = false;                                   // these failures are the server's word
  bool main_session = true, side_session = true;          // can be had
  std::optional<record_id> poison;
  std::map<std::string, naming> blocked; // users
  std::map<std::string, naming> refused; // likewise
  std::set<std::string> slow;            // shown by a post one by one
  std::uint32_t heads_lost = 0;          // of each post
  std::size_t blocked_above = SIZE_MAX;  // batches with more entries take too long
  std::int64_t work_us = 1000;
  std::int64_t took_us = 1; // a post as a whole

  std::optional<store_failure> fault(const gate_batch& batch) const {
    for (const auto& [users, kind] : {std::pair{&blocked, store_failure_kind::blocked},
                                      std::pair{&refused, store_failure_kind::rejected}}) {
      store_failure failure{kind, "scripted"};
      bool found = false;
      for (std::size_t place = 0; place < batch.heads.size(); ++place) {
        const auto how = users->find(batch.heads[place].account.user_id);
        if (how == users->end())
          continue;
        found = true;
        if (how->second == naming::at_once
            || (how->second == naming::one_by_one && batch.limits.one_by_one))
          failure.culprits.push_back(place);
      }
      if (found)
        return failure;
    }
    if (batch.entries.size() > blocked_above)
      return store_failure{store_failure_kind::blocked, "too slow", {}, 0};
    return std::nullopt;
  }

  std::vector<std::size_t> slow_places(const gate_batch& batch) const {
    std::vector<std::size_t> result;
    for (std::size_t place = 0; batch.limits.one_by_one && place < batch.heads.size(); ++place)
      if (slow.contains(batch.heads[place].account.user_id))
        result.push_back(place);
    return result;
  }

  post_result post(const gate_batch_ptr& batch, bool is_side) {
    posted.push_back(std::make_shared<gate_batch>(*batch));
    aside.push_back(is_side);
    if (!(is_side ? side_session : main_session))
      return store_failure{store_failure_kind::unavailable, "no room", {}, 0, true, true};
    if (!failures.empty()) {
      const auto kind = failures.front();
      failures.pop_front();
      if (kind)
        return store_failure{*kind, "scripted", {}, 0, says_no};
    }
    if (auto failure = fault(*batch))
      return std::move(*failure);
    ledgerd::posted result;
    result.statistics.work_us = work_us;
    result.statistics.heads_lost = heads_lost;
    result.statistics.rows = knows_all ? 0 : static_cast<std::uint32_t>(batch->entries.size());
    result.slow = slow_places(*batch);
    result.heads.resize(batch->heads.size(), {money{1}, 0});
    for (const auto& [asked, head] : batch->entries) {
      if (poison == asked.id)
        return store_failure{store_failure_kind::rejected, "poison"};
      posting row;
      row.record = asked.id;
      result.answers.push_back({outcome::applied, row});
      ++result.heads[head].seq;
    }
    return result;
  }
};

using naming = scripted_store::naming;

struct gate_fixture : fixture {
  std::shared_ptr<scripted_store> store = std::make_shared<scripted_store>();
  std::shared_ptr<std::vector<bool>> circuit = std::make_shared<std::vector<bool>>();
  std::shared_ptr<std::vector<ticketed_answer>> answers =
      std::make_shared<std::vector<ticketed_answer>>();
  std::shared_ptr<std::map<std::string, std::vector<std::optional<account_head>>>> heads =
      std::make_shared<std::map<std::string, std::vector<std::optional<account_head>>>>();
  std::shared_ptr<std::map<std::string, std::vector<capacity>>> holds =
      std::make_shared<std::map<std::string, std::vector<capacity>>>();
  answer_sink fetcher;
  gate_actor subject;

  explicit gate_fixture(std::chrono::milliseconds post_pause = std::chrono::milliseconds{0},
                        std::size_t batch_max = 4) {
    const auto node = spawn_fake<circuit_sink>(
        [c = circuit](circuit_sink::pointer) -> circuit_sink::behavior_type {
          return {
              [c](circuit_atom, std::uint32_t, bool open) { c->push_back(open); },
          };
        });
    fetcher =
        spawn_fake<answer_sink>([a = answers](answer_sink::pointer) -> answer_sink::behavior_type {
          return {
              [a](answer_atom, std::vector<ticketed_answer>& got) {
                std::move(got.begin(), got.end(), std::back_inserter(*a));
              },
          };
        });
    subject = started_actor(sys.spawn(gate, gate_options{.poster = spawn_poster(false),
                                                         .side_poster = spawn_poster(true),
                                                         .node = node,
                                                         .index = 0,
                                                         .batch_max = batch_max,
                                                         .aside_max = {12, 1200},
                                                         .post_pause = post_pause}));
    consume_messages();
  }

  poster_actor spawn_poster(bool is_side) {
    return spawn_fake<poster_actor>(
        [s = store, is_side](poster_actor::pointer) -> poster_actor::behavior_type {
          return {[s, is_side](post_atom, const gate_batch_ptr& batch) {
                    return posted_batch{s->post(batch, is_side), s->took_us};
                  },
                  [](report_atom) { return actor_report{}; }};
        });
  }

  void post(const std::string& user, std::vector<std::int64_t> ids) {
    ledger_group next;
    next.ledger = spawn_fake<ledger_actor>(
        [h = heads, holds = holds, user](ledger_actor::pointer) -> ledger_actor::behavior_type {
          return {
              [](apply_atom, const std::vector<asked_entry>&) {},
              [h, user](head_atom, std::optional<account_head> head) {
                (*h)[user].push_back(head);
              },
              [holds, user](hold_atom, const capacity& most) { (*holds)[user].push_back(most); },
              [](idle_atom) {},
              [](yield_atom) {},
          };
        });
    next.account = won_account(user);
    for (const auto id : ids)
      next.entries.push_back({deposit(id, user, 1), {fetcher, static_cast<ticket>(id)}});
    caf::anon_send(subject, post_atom_v, std::move(next));
  }

  std::vector<std::int64_t> answered_tags() const {
    std::vector<std::int64_t> tags;
    for (const auto& each : *answers)
      tags.push_back(static_cast<std::int64_t>(each.tag));
    std::sort(tags.begin(), tags.end());
    return tags;
  }

  actor_report report() {
    auto result = std::make_shared<actor_report>();
    ask(
        subject, [result](const actor_report& got) { *result = got; }, report_atom_v);
    consume_messages();
    return *result;
  }

  // What it says when somebody asks for the account of this user.
  std::vector<noted_account> waits_of(const std::string& user) {
    auto result = std::make_shared<std::vector<noted_account>>();
    ask(
        subject, [result](const std::vector<noted_account>& got) { *result = got; }, held_atom_v,
        won_account(user));
    consume_messages();
    return *result;
  }

  std::int64_t value(const std::string& name) {
    const auto got = report();
    for (const auto& each : got.values)
      if (each.what->name == name)
        return each.value;
    CAF_FAIL("no value " << name);
    return 0;
  }
};

} // namespace ledgerd::test
