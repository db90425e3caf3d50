#define CAF_SUITE lookup

#include "actors/submissions/lookup.hpp"

#include <utility>

#include "tests/actors/submissions/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

// A recorder whose answers the test gives: a promise is kept by the actor that made it, so a report
// is asked for to have the next of `answers` told.
struct silent_recorder {
  std::vector<std::vector<record_id>> asked;
  std::vector<caf::typed_response_promise<found_records>> promises;
  std::vector<std::pair<std::size_t, found_records>> answers; // to the question of this number

  static recorder_actor::behavior_type behavior(recorder_actor::pointer self,
                                                std::shared_ptr<silent_recorder> state) {
    return {
        [](record_atom, const new_records_ptr&) { return recorded_batch{}; },
        [](settle_atom, const verdicts_ptr&) { return settled_batch{}; },
        [self, state](find_atom, const std::vector<record_id>& ids) {
          state->asked.push_back(ids);
          state->promises.push_back(self->make_response_promise<found_records>());
          return state->promises.back();
        },
        [](claim_atom, std::int64_t, std::uint64_t) { return found_records{}; },
        [state](report_atom) {
          for (auto& [question, answer] : std::exchange(state->answers, {}))
            state->promises.at(question).deliver(std::move(answer));
          return actor_report{};
        },
    };
  }
};

struct lookup_fixture : account_fixture {
  std::shared_ptr<silent_recorder> recorder_state = std::make_shared<silent_recorder>();
  std::shared_ptr<std::vector<std::string>> answers =
      std::make_shared<std::vector<std::string>>(); // the ids found, or why not
  recorder_actor before;
  lookup_actor subject;

  lookup_fixture() {
    before = spawn_fake<recorder_actor>(
        [state = recorder_state](auto self) { return silent_recorder::behavior(self, state); });
    subject = started_actor(sys.spawn(
        ledgerd::lookup, lookup_options{.recorder = before, .waiting_max = 6, .batch_max = 4}));
    consume_messages();
  }

  void find(std::int64_t id) { find(std::vector{record_id{id}}); }

  void find(const std::vector<record_id>& ids) {
    ask(
        subject,
        [a = answers](const found_records& got) {
          if (const auto* why = std::get_if<store_failure>(&got.result))
            return a->push_back(why->detail);
          std::string ids;
          for (const auto& one : std::get<std::vector<transaction_record>>(got.result))
            ids += std::to_string(to_int(one.id)) + " ";
          a->push_back(ids);
        },
        find_atom_v, ids);
    consume_messages();
  }

  void tell(std::size_t question, found_records what) {
    recorder_state->answers.emplace_back(question, std::move(what));
    ask(
        before, [](const actor_report&) {}, report_atom_v);
    consume_messages();
  }

  void answer(std::size_t question, const std::vector<std::int64_t>& found) {
    std::vector<transaction_record> records;
    for (const auto id : found)
      records.push_back({.id = record_id{id}});
    tell(question, {std::move(records)});
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(lookup_tests, lookup_fixture)

CAF_TEST(what comes meanwhile is asked for in one go) {
  for (int id = 1; id <= 6; ++id)
    find(id);
  CAF_REQUIRE_EQUAL(recorder_state->asked.size(), 1u);
  answer(0, {1});
  CAF_CHECK(*answers == std::vector<std::string>{"1 "});
  CAF_REQUIRE_EQUAL(recorder_state->asked.size(), 2u);
  CAF_CHECK_EQUAL(recorder_state->asked[1].size(), 4u);
  answer(1, {5, 2});
  CAF_CHECK(*answers == (std::vector<std::string>{"1 ", "2 ", "", "", "5 "}));
  answer(2, {6});
  CAF_CHECK_EQUAL(answers->back(), "6 ");
}

CAF_TEST(a silent database refuses everybody in time and gets one question) {
  for (int round = 0; round < 12; ++round) {
    find(round + 1);
    pass(1000ms);
  }
  CAF_CHECK_EQUAL(recorder_state->asked.size(), 1u);
  CAF_CHECK(answers->size() >= 8); // all that are older than four seconds
  for (const auto& said : *answers)
    CAF_CHECK_EQUAL(said, "the database did not answer in time");
  answer(0, {1}); // nobody's any more
  CAF_REQUIRE_EQUAL(recorder_state->asked.size(), 2u);
  const auto before = answers->size();
  answer(1, {});
  CAF_CHECK(answers->size() > before);
  CAF_CHECK_EQUAL(answers->back(), "");
}

CAF_TEST(those who are too many are refused at once) {
  for (int id = 1; id <= 10; ++id)
    find(id);
  CAF_CHECK(*answers == std::vector<std::string>(3, "too many questions wait for the database"));
}

CAF_TEST(what one asks beyond the limit goes in several questions) {
  std::vector<record_id> ids;
  for (std::int64_t id = 1; id <= 10; ++id)
    ids.push_back(record_id{id});
  find(ids);
  find(11);
  answer(0, {1, 4});
  answer(1, {5});
  CAF_CHECK(answers->empty());
  answer(2, {11, 10});
  CAF_CHECK(*answers == (std::vector<std::string>{"1 4 5 10 ", "11 "}));
  for (const auto& question : recorder_state->asked)
    CAF_CHECK(question.size() <= 4);
  find(ids);
  tell(3, {store_failure{store_failure_kind::unavailable, "away"}});
  CAF_CHECK_EQUAL(answers->back(), "away");
  CAF_CHECK_EQUAL(recorder_state->asked.size(), 4u);
}

CAF_TEST(a failure belongs to all who asked) {
  find(1);
  find(2);
  tell(0, {store_failure{store_failure_kind::unavailable, "away"}});
  CAF_CHECK(*answers == std::vector<std::string>{"away"});
  CAF_CHECK_EQUAL(recorder_state->asked.size(), 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()
