#include "app/operations/trace_routes.hpp"

#include <nlohmann/json.hpp>
#include <variant>

#include "app/http/known_query.hpp"
#include "app/trace/trace.hpp"
#include "messaging/submission_codec.hpp"

namespace ledgerd {

namespace {

// Who takes only results may not read requests, on the broker and here.
http_response answer_trace(record_id id, desk_tools& tools) {
  if (!tools.ledger)
    return http_problem(503, "UNAVAILABLE", "this node has not the role ledger; ask one that has");
  trace_sources from;
  if (tools.nats != nullptr
      && tools.nats->connected()) // else every question would wait for its limit
    from.nats = tools.nats;
  else
    from.nats_problem = "NATS is away";
  from.ledger = tools.ledger.get();
  from.records = tools.records.get();
  const auto report = trace(id, from, {}, tools.currencies);
  const auto body = trace_json(report);
  return {200,
          "application/json",
          body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n",
          {}};
}

} // namespace

std::vector<http_route> make_trace_routes(const std::shared_ptr<work_desk>& desk) {
  http_handler handle = [desk](const http_request& request, http_responder respond) {
    if (auto refusal = refuse_unknown_query(request, {}))
      return respond(*std::move(refusal));
    const auto id = read_record_id(request.parameter("recordId"));
    if (const auto* why = std::get_if<rejection>(&id))
      return respond(http_problem(400, to_text(why->reason), why->detail));
    desk->give(
        desk_lane::look,
        [record = std::get<record_id>(id)](desk_tools& tools, const desk_limit&) {
          return answer_trace(record, tools);
        },
        std::move(respond));
  };
  return {{"GET", "/v1/trace/{recordId}", std::move(handle)}};
}

} // namespace ledgerd
