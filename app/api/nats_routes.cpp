#include "app/api/nats_routes.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors/common/fail_stop.hpp"
#include "actors/common/question_board.hpp"
#include "actors/common/turns.hpp"
#include "actors/common/waker.hpp"
#include "app/base/text.hpp"
#include "domain/failpoint.hpp"
#include "messaging/names.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

constexpr auto beat = std::chrono::milliseconds{200};
constexpr std::size_t questions_at_once = 64;

// All values of a header, by its lower-case name.
std::vector<std::string_view> values_of(const api_question& asked, std::string_view wanted) {
  std::vector<std::string_view> result;
  for (const auto& [name, value] : asked.headers)
    if (same_word(name, wanted))
      result.push_back(value);
  return result;
}

void handle(const std::shared_ptr<question_desk>& desk, submission_api& api,
            const api_question& asked) {
  const auto answer = [desk, reply = asked.reply, subject = asked.subject,
                       arrived = asked.arrived](const api_answer& got) {
    note_answered(subject, std::chrono::steady_clock::now() - arrived, got.status, got.code);
    std::vector<header> headers;
    if (got.status >= 400)
      headers = {{std::string{names::service_error_code}, std::to_string(got.status)},
                 {std::string{names::service_error}, got.code}};
    desk->answer(reply, got.body, headers);
  };
  if (asked.too_large)
    return answer(api_problem(413, "TOO_LARGE", "the payload or its headers are too large"));
  if (asked.subject == names::api_submit) {
    const auto key = read_idempotency_key(values_of(asked, "idempotency-key"));
    if (const auto* why = std::get_if<rejection>(&key))
      return answer(api_refusal(*why));
    const auto wait = preferred_wait(values_of(asked, "prefer"));
    return api.submit(
        {.body = asked.payload,
         .idempotency_key = std::get<std::string>(key),
         .wait = wait.value_or(std::chrono::seconds{0}),
         .arrived = asked.arrived,
         .trace = read_call_trace(values_of(asked, "traceparent"), values_of(asked, "tracestate"))},
        answer);
  }
  const auto question = decode_record_question(asked.payload);
  if (const auto* why = std::get_if<rejection>(&question))
    return answer(api_refusal(*why));
  api.record(std::get<record_id>(question), answer);
}

} // namespace

responder_actor spawn_nats_api(caf::actor_system& system, std::shared_ptr<question_desk> desk,
                               const std::shared_ptr<submission_api>& api) {
  return system.spawn(
      guarded([api](responder_actor::pointer self, const std::shared_ptr<question_desk>& questions)
                  -> responder_actor::behavior_type {
        questions->open(make_waker(responder_actor{self}));
        self->delayed_send(self, beat, tick_atom_v);
        const auto counters = std::make_shared<question_counters>();
        const auto turn = std::make_shared<turns>();
        return {
            [=](wake_atom) { turn->want(self); },
            [=](turn_atom) {
              turn->begun();
              const auto some = questions->take(questions_at_once);
              for (const auto& each : some) {
                failpoint("nats_api");
                handle(questions, *api, each);
              }
              counters->answered += static_cast<std::int64_t>(some.size());
              if (!some.empty())
                turn->want(self); // for the rest
            },
            [=](tick_atom) {
              turn->want(self);
              self->delayed_send(self, beat, tick_atom_v);
            },
            [=](report_atom) {
              return make_report("nats_api", "",
                                 nats_api_numbers{counters->with(questions->losses())});
            },
        };
      }),
      std::move(desk));
}

} // namespace ledgerd
