#include "app/trace/taking.hpp"

#include "app/base/text.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

bool is_letter_of(const stored_message& letter, std::uint64_t seq) {
  const auto of = parse_integer(header_text(letter, "Ledgerd-Sequence"), 1, INT64_MAX);
  return header_text(letter, "Ledgerd-Stream") != names::result_stream && of
         && static_cast<std::uint64_t>(*of) == seq;
}

} // namespace

taking taken(const trace_facts& facts, std::uint64_t seq) {
  for (const auto& each : facts.messages.results)
    if (const auto origin = origin_of(each.headers); origin && origin->seq == seq)
      return {origin->node, each.stored_at_ns / 1000};
  for (const auto& each : facts.messages.dead_letters)
    if (is_letter_of(each, seq))
      return {std::string(header_text(each, "Ledgerd-Node")), each.stored_at_ns / 1000};
  for (const auto& node : facts.nodes)
    for (const auto& held : node.held)
      if (held.seq == seq)
        return {node.node, std::nullopt};
  return {};
}

} // namespace ledgerd
