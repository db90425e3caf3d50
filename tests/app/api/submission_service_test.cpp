#include "app/api/submission_service.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <future>
#include <utility>
#include <vector>

#include "messaging/submission_codec.hpp"

#define CAF_SUITE submission_service
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

// Currencies that nobody has looked at yet.
class slow_lookup final : public currency_lookup {
public:
  std::uint64_t request() override { return 1; }
  std::uint64_t done() const override { return 0; }
  void request(std::function<void(bool)> then) override { waiting.push_back(std::move(then)); }

  void end(bool went_well) {
    for (const auto& then : std::exchange(waiting, {}))
      then(went_well);
  }

  std::vector<std::function<void(bool)>> waiting;
};

struct fixture {
  caf::actor_system_config config;
  caf::actor_system system{config};
  std::shared_ptr<slow_lookup> lookup = std::make_shared<slow_lookup>();
  std::shared_ptr<submission_api> api = make_account_service(
      system, {}, std::make_shared<currency_table>(std::vector<currency>{}), lookup, {});
  std::vector<api_answer> answers;

  // Returns what the body weighs.
  std::size_t submit(std::size_t bytes) {
    const std::string body =
        R"({"userId":"ann","type":"DEPOSIT","amount":"5","currency":"QQQ","note":")"
        + std::string(bytes, 'x') + "\"}";
    api->submit({.body = body}, [this](api_answer got) { answers.push_back(std::move(got)); });
    return body.size();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(submission_service_tests, fixture)

CAF_TEST(what waits for a look at the currencies is limited in bytes) {
  constexpr std::size_t mib = 1U << 20U;
  const auto one = submit(60'000);
  for (int i = 1; i < 200; ++i)
    submit(60'000);
  CAF_CHECK_EQUAL(lookup->waiting.size(), 8 * mib / (one + 1024));
  CAF_CHECK_EQUAL(lookup->waiting.size() + answers.size(), 200U);
  for (const auto& each : answers)
    CAF_CHECK_EQUAL(each.status, 503);
  lookup->end(true);
  CAF_REQUIRE_EQUAL(answers.size(), 200U);
  CAF_CHECK_EQUAL(answers.back().status, 400);
  submit(60'000); // there is room again
  CAF_CHECK_EQUAL(lookup->waiting.size(), 1U);
  lookup->end(false);
  CAF_CHECK_EQUAL(answers.back().status, 503);
}

CAF_TEST(a key that is taken tells nothing of the record that has it) {
  using answer_ptr = std::shared_ptr<std::promise<api_answer>>;
  submission_handles doors;
  doors.intake = system.spawn(
      [](submission_sink::pointer, std::int64_t holder) -> submission_sink::behavior_type {
        return {[holder](submit_atom, const submit_request& request) {
          request.answer({submit_outcome::conflict, {.id = record_id{holder}}, ""});
        }};
      },
      std::int64_t{1'234'567});
  const auto service = make_account_service(
      system, doors,
      std::make_shared<currency_table>(std::vector<currency>{{*currency_code::parse("KRW"), 0}}),
      lookup, {});
  const answer_ptr got = std::make_shared<std::promise<api_answer>>();
  service->submit({.body = R"({"userId":"ann","type":"DEPOSIT","amount":"5","currency":"KRW"})",
                   .idempotency_key = "taken"},
                  [got](api_answer answer) { got->set_value(std::move(answer)); });
  const auto answer = got->get_future().get();
  CAF_CHECK_EQUAL(answer.status, 409);
  CAF_CHECK(answer.headers.empty());
  CAF_CHECK_EQUAL(answer.body,
                  encode_problem(409, "Conflict", "IDEMPOTENCY_CONFLICT",
                                 "this Idempotency-Key belongs to a request with other content")
                      + "\n");
}

CAF_TEST(small calls weigh something too) {
  for (int i = 0; i < 20'000; ++i)
    submit(0);
  CAF_CHECK_LESS(lookup->waiting.size(), 8192U);
  CAF_CHECK_GREATER(lookup->waiting.size(), 7000U);
  lookup->end(true);
}

CAF_TEST_FIXTURE_SCOPE_END()
