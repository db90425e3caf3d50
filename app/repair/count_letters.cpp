#include "app/repair/count_letters.hpp"

#include <algorithm>

#include "messaging/names.hpp"

namespace ledgerd {

std::optional<std::uint64_t> count_meant(const repair_tools& tools, const repair_order& order,
                                         const stop_asked& stop) {
  if (!order.seqs.empty())
    return order.seqs.size();
  const auto state = tools.nats.stream(names::dead_letter_stream);
  const auto last = std::min(order.up_to.value_or(UINT64_MAX), state.last_seq);
  if (!state.exists || state.messages == 0 || last <= order.after)
    return 0;
  if (order.filter.empty() && order.after < state.first_seq && last == state.last_seq)
    return std::min<std::uint64_t>(state.messages, order.limit);
  if (state.messages > counted_letters_max
      || (order.filter.needs_replays() && !tools.shelf.read_marks(stop)))
    return std::nullopt;
  const auto replays = [&](std::uint64_t seq) { return tools.shelf.marks().of(seq).times; };
  std::uint64_t count = 0;
  bool stopped = false;
  tools.nats.read(names::dead_letter_stream, "", order.after + 1,
                  [&](const stored_message& message) {
                    if (message.seq > last)
                      return false;
                    auto letter = read_letter(message);
                    count += order.filter.matches(letter, replays) ? 1 : 0;
                    stopped = message.seq % 256 == 0 && stop();
                    return !stopped && count < order.limit && message.seq < last;
                  });
  return stopped ? std::nullopt : std::optional{count};
}

} // namespace ledgerd
