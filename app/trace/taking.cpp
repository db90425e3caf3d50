#include "app/trace/taking.hpp"

#include "messaging/names.hpp"

namespace ledgerd {

namespace {

// When the stream of the requests was made; 0: not known.
std::int64_t made_at(const trace_facts& facts) {
  for (const auto& each : facts.messages.looked)
    if (each.stream == names::request_stream)
      return each.made_at_ns;
  return 0;
}

} // namespace

taking taken(const trace_facts& facts, const stored_message& request) {
  const auto seq = request.seq;
  for (const auto& each : facts.messages.results)
    if (const auto origin = origin_of(each.headers);
        origin && origin->seq == seq && each.stored_at_ns >= request.stored_at_ns)
      return {origin->node, each.stored_at_ns / 1000};
  for (const auto& each : facts.messages.dead_letters)
    if (header_text(each, "Ledgerd-Stream") != names::result_stream
        && tells_of(each, request, made_at(facts)))
      return {std::string(header_text(each, "Ledgerd-Node")), each.stored_at_ns / 1000};
  for (const auto& node : facts.nodes)
    for (const auto& held : node.held)
      if (held.seq == seq)
        return {node.node, std::nullopt};
  return {};
}

} // namespace ledgerd
