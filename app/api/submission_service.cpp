#include "app/api/submission_service.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>

#include "actors/common/ask.hpp"
#include "messaging/names.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

// Balances and history are asked for over NATS also by a node that has both roles.
constexpr std::string_view no_ledger = "no node with the ledger role has answered over NATS: NATS, "
                                       "the ledger's database, or all these "
                                       "nodes are away";

constexpr auto find_limit = std::chrono::seconds{5};
// From a submission's arrival until it must be on its way to the database.
constexpr auto record_limit = std::chrono::seconds{5};
// What calls may weigh that wait for a look at the currencies, and what each of them weighs beside
// its texts.
constexpr std::size_t looked_up_bytes_max = 8U << 20U;
constexpr std::size_t call_frame_bytes = 1024;

api_answer unavailable(std::string_view detail) {
  return api_problem(503, "UNAVAILABLE", detail);
}

api_answer record_answer(int status, const transaction_record& record,
                         const currency_table& currencies) {
  const auto exponent = currencies.exponent(record.asked.account.currency);
  if (!exponent)
    return unavailable("the record is in a currency that this node does not know yet");
  return {status,
          {},
          encode_record(record, *exponent),
          {{"Location", "/v1/transactions/" + std::to_string(to_int(record.id))}}};
}

api_answer submit_result(const submit_answer& got, const currency_table& currencies) {
  switch (got.outcome) {
  case submit_outcome::accepted:
    return record_answer(got.record.status == record_status::pending ? 202 : 200, got.record,
                         currencies);
  case submit_outcome::repeated:
    return record_answer(200, got.record, currencies);
  case submit_outcome::conflict:
    return api_problem(409, "IDEMPOTENCY_CONFLICT",
                       "this Idempotency-Key belongs to a request with other content");
  case submit_outcome::unavailable:
    break;
  }
  return unavailable(got.detail);
}

// The status of another node's answer: 200, or what its header says.
int status_of(const api_reply& reply) {
  for (const auto& [name, value] : reply.headers)
    if (name == names::service_error_code) {
      int status = 0;
      std::from_chars(value.data(), value.data() + value.size(), status);
      return status >= 400 && status < 600 ? status : 503;
    }
  return 200;
}

// The stable word of another node's problem document.
std::string problem_code(const std::string& document) {
  const auto parsed = nlohmann::json::parse(document, nullptr, false);
  const auto found = parsed.is_object() ? parsed.find("code") : parsed.end();
  return found != parsed.end() && found->is_string() ? found->get<std::string>() : "UNAVAILABLE";
}

class submission_service final : public submission_api,
                                 public std::enable_shared_from_this<submission_service> {
public:
  submission_service(caf::actor_system& system, submission_handles doors,
                     std::shared_ptr<const currency_table> currencies,
                     std::shared_ptr<currency_lookup> lookup, const request_rules& rules)
      : system_{system}, doors_{std::move(doors)},
        currencies_{std::move(currencies)}, lookup_{std::move(lookup)}, rules_{rules} {}

  void submit(const submit_call& call, api_callback done) override {
    auto decoded = decode_submission(call.body, *currencies_, rules_);
    const auto* why = std::get_if<rejection>(&decoded);
    if (why == nullptr)
      return pass_on(std::get<submission>(std::move(decoded)), call, done);
    if (!why->unknown_currency || !lookup_)
      return done(api_refusal(*why));
    const auto bytes = call_frame_bytes + call.body.size() + call.idempotency_key.size();
    if (looked_up_bytes_.fetch_add(bytes) + bytes > looked_up_bytes_max) {
      looked_up_bytes_ -= bytes;
      return done(unavailable("too many calls wait for currencies that are not known here"));
    }
    // It may be new: look where the currencies come from before it is refused.
    lookup_->request([this, self = shared_from_this(), body = std::string{call.body},
                      key = std::string{call.idempotency_key}, wait = call.wait,
                      arrived = call.arrived, trace = call.trace, bytes,
                      done = std::move(done)](bool looked) {
      looked_up_bytes_ -= bytes;
      auto again = decode_submission(body, *currencies_, rules_);
      if (const auto* still = std::get_if<rejection>(&again))
        return done(looked || !still->unknown_currency
                        ? api_refusal(*still)
                        : unavailable("the currency is not known here and the ledger does not "
                                      "answer"));
      pass_on(std::get<submission>(std::move(again)), {body, key, wait, arrived, trace}, done);
    });
  }

  void record(record_id id, api_callback done) override {
    ask(
        system_, doors_.finder, find_limit,
        [currencies = currencies_, done](const found_records& found) {
          const auto* records = std::get_if<std::vector<transaction_record>>(&found.result);
          if (records == nullptr)
            return done(unavailable("the database is not available"));
          if (records->empty())
            return done(api_problem(404, "NOT_FOUND", "there is no such record"));
          auto answer = record_answer(200, records->front(), *currencies);
          answer.headers.clear();
          done(std::move(answer));
        },
        [done] { done(unavailable("the database did not answer in time")); }, find_atom_v,
        std::vector<record_id>{id});
  }

  void account(std::string_view user_id, api_callback done) override {
    ask_ledger(names::api_account, encode_account_question(user_id), done);
  }

  void history(std::string_view user_id, std::string_view currency, std::string_view limit,
               std::string_view before, api_callback done) override {
    ask_ledger(names::api_history, encode_history_question(user_id, currency, limit, before), done);
  }

private:
  void pass_on(submission&& asked, const submit_call& call, const api_callback& done) {
    submit_request request;
    request.asked = {std::move(asked), std::string{call.idempotency_key}};
    const auto wait = std::min<std::chrono::milliseconds>(call.wait, prefer_wait_max);
    request.traceparent = call.trace.parent;
    request.tracestate = call.trace.state;
    request.wait_until = call.arrived + wait;
    request.deadline = call.arrived + std::max<std::chrono::milliseconds>(wait, record_limit);
    request.answer = [currencies = currencies_, done](const submit_answer& got) {
      done(submit_result(got, *currencies));
    };
    caf::anon_send(doors_.intake, submit_atom_v, std::move(request));
  }

  // Balances and history are the ledger's, which may live in another database: always the same
  // road.
  void ask_ledger(std::string_view subject, std::string question, const api_callback& done) {
    ask(
        system_, doors_.ledger_client, find_limit,
        [done](const api_reply& reply) {
          if (!reply.answered)
            return done(unavailable(no_ledger));
          const auto status = status_of(reply);
          done({status, status >= 400 ? problem_code(reply.payload) : "", reply.payload, {}});
        },
        [done] { done(unavailable(no_ledger)); }, ask_atom_v, std::string{subject},
        std::move(question));
  }

  caf::actor_system& system_;
  const submission_handles doors_;
  const std::shared_ptr<const currency_table> currencies_;
  const std::shared_ptr<currency_lookup> lookup_;
  const request_rules rules_;
  std::atomic<std::size_t> looked_up_bytes_ = 0;
};

} // namespace

std::shared_ptr<submission_api>
make_account_service(caf::actor_system& system, submission_handles doors,
                     std::shared_ptr<const currency_table> currencies,
                     std::shared_ptr<currency_lookup> lookup, const request_rules& rules) {
  return std::make_shared<submission_service>(system, std::move(doors), std::move(currencies),
                                              std::move(lookup), rules);
}

} // namespace ledgerd
