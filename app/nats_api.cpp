#include "app/nats_api.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <variant>

#include "actors/fail_stop.hpp"
#include "actors/failpoint.hpp"
#include "actors/waking.hpp"
#include "app/account_routes.hpp"
#include "app/text.hpp"
#include "messaging/account_codec.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

constexpr auto beat = std::chrono::milliseconds{200};

// By its lower-case name.
std::string_view header_of(const api_question& asked, std::string_view wanted) {
  for (const auto& [name, value] : asked.headers)
    if (same_word(name, wanted))
      return value;
  return {};
}

void handle(const std::shared_ptr<question_desk>& desk, account_api& api,
            const api_question& asked) {
  const auto answer = [desk, reply = asked.reply](const api_answer& got) {
    std::vector<header> headers;
    if (got.status >= 400)
      headers = {{std::string{names::service_error_code}, std::to_string(got.status)},
                 {std::string{names::service_error}, got.code}};
    desk->answer(reply, got.body, headers);
  };
  if (asked.subject == names::api_submit) {
    http_request preference;
    preference.headers.emplace_back("prefer", header_of(asked, "prefer"));
    return api.submit(asked.payload, header_of(asked, "idempotency-key"),
                      preferred_wait(preference).value_or(std::chrono::seconds{0}), answer);
  }
  const auto question = decode_record_question(asked.payload);
  if (const auto* why = std::get_if<rejection>(&question))
    return answer(api_problem(400, to_text(why->reason), why->detail));
  api.record(std::get<record_id>(question), answer);
}

} // namespace

teller_actor spawn_nats_api(caf::actor_system& system, std::shared_ptr<question_desk> desk,
                            const std::shared_ptr<account_api>& api) {
  return system.spawn(
      guarded([api](teller_actor::pointer self, const std::shared_ptr<question_desk>& questions)
                  -> teller_actor::behavior_type {
        questions->open(make_waker(teller_actor{self}));
        self->delayed_send(self, beat, beat_atom_v);
        const auto answer_all = [questions, api] {
          for (const auto& asked : questions->take()) {
            failpoint("nats_api");
            handle(questions, *api, asked);
          }
        };
        return {
            [=](wake_atom) { answer_all(); },
            [=](beat_atom) {
              answer_all();
              self->delayed_send(self, beat, beat_atom_v);
            },
            [](report_atom) {
              return actor_report{"nats_api", "", {}, {}};
            },
        };
      }),
      std::move(desk));
}

} // namespace ledgerd
