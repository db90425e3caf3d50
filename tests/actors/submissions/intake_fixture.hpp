// The intake over the record store in memory, and a recorder that may be slow.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors/submissions/intake.hpp"

#include "tests/actors/submissions/fixture.hpp"

namespace ledgerd::test {

using namespace std::chrono_literals;

// A recorder that records only when the test says so, which it does by asking for a report: a
// promise is kept by the actor that made it.
struct slow_recorder {
  std::shared_ptr<memory_record_store> store;
  std::vector<new_records_ptr> asked;
  std::vector<caf::typed_response_promise<recorded_batch>> promises;

  static recorder_actor::behavior_type behavior(recorder_actor::pointer self,
                                                std::shared_ptr<slow_recorder> state) {
    return {
        [self, state](record_atom, const new_records_ptr& batch) {
          state->asked.push_back(batch);
          state->promises.push_back(self->make_response_promise<recorded_batch>());
          return state->promises.back();
        },
        [](settle_atom, const verdicts_ptr&) { return settled_batch{}; },
        [](find_atom, const std::vector<record_id>&) {
          return found_records{std::vector<transaction_record>{}};
        },
        [](claim_atom, std::int64_t, std::uint64_t) { return found_records{}; },
        [state](report_atom) {
          state->promises.back().deliver(
              recorded_batch{state->store->record(*state->asked.back())});
          return actor_report{};
        },
    };
  }
};

struct intake_fixture : account_fixture {
  answers_ptr answers = std::make_shared<std::vector<submit_answer>>();
  std::vector<std::vector<record_id>> looks; // what was asked of the records of those who wait
  intake_actor subject;
  recorder_actor slow;

  void let_go() {
    ask(
        slow, [](const actor_report&) {}, report_atom_v);
    consume_messages();
  }

  intake_fixture() { start(spawn_recorder()); }

  record_finder spawn_finder() {
    return spawn_fake<record_finder>([this](auto) -> record_finder::behavior_type {
      return {[this](find_atom, const std::vector<record_id>& ids) {
        looks.push_back(ids);
        return found_records{store->find(ids)};
      }};
    });
  }

  void start(recorder_actor recorder) {
    subject = started_actor(sys.spawn(intake, intake_options{.recorder = std::move(recorder),
                                                             .finder = spawn_finder(),
                                                             .requests = publisher,
                                                             .currencies = currencies,
                                                             .submissions_max = 4,
                                                             .beat = 100ms}));
    consume_messages();
  }

  // From now on the database answers when the test says so.
  std::shared_ptr<slow_recorder> slow_down() {
    auto state = std::make_shared<slow_recorder>();
    state->store = store;
    caf::anon_send_exit(subject, caf::exit_reason::kill);
    slow = spawn_fake<recorder_actor>(
        [state](auto self) { return slow_recorder::behavior(self, state); });
    start(slow);
    return state;
  }

  void send(submission asked, std::string key = {}, std::chrono::milliseconds wait = 0ms) {
    const auto now = sys.clock().now();
    caf::anon_send(subject, submit_atom_v,
                   submit_request{{std::move(asked), std::move(key)},
                                  now + wait,
                                  now + std::max<std::chrono::milliseconds>(wait, 5s),
                                  [a = answers](const submit_answer& got) { a->push_back(got); }});
  }

  void submit(submission asked, std::string key = {}, std::chrono::milliseconds wait = 0ms) {
    send(std::move(asked), std::move(key), wait);
    consume_messages();
  }

  void settle(const transaction_record& record) {
    memory_record_store elsewhere{database};
    const auto row = decided(record);
    CAF_REQUIRE(std::holds_alternative<std::vector<settled>>(elsewhere.settle(
        {{record.id, record.asked, record_status::success, row.id, {}, row.balance_after}})));
  }

  void tell_settled(record_id id) {
    caf::anon_send(subject, settled_atom_v,
                   records_ptr{std::make_shared<std::vector<transaction_record>>(
                       1, database->picture().at(id))});
    consume_messages();
  }

  drain_summary drain(std::int64_t deadline_ms) {
    auto result = std::make_shared<std::optional<drain_summary>>();
    ask(
        subject, [result](const drain_summary& done) { *result = done; }, drain_atom_v,
        deadline_ms);
    consume_messages();
    for (int i = 0; i < 20 && !*result; ++i)
      pass(100ms);
    CAF_REQUIRE(result->has_value());
    return **result;
  }
};

} // namespace ledgerd::test
