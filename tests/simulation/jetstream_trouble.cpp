// What befalls streams: leaders that are behind, a life that ends.
#include <algorithm>
#include <iterator>
#include <utility>

#include "tests/simulation/jetstream.hpp"

namespace ledgerd::sim {

void jetstream::restart() {
  change_leader(false);
  for (auto& [name, each] : streams)
    for (auto& [consumer_name, at] : each->consumers)
      forget_settlements(*at);
}

void jetstream::forget_settlements(consumer& at) {
  for (const auto& each : std::exchange(at.settled_lately, {})) {
    ++by_.seen["settlement forgotten"];
    at.deliveries[each.seq] = each.deliveries;
    at.pending[each.seq] = {0, each.handed_out, on_.now + at.ack_wait, nobody, false, 0};
  }
}

// What was handed out for the first time in the last moments comes once more as if it were new.
void jetstream::step_back(stream& of, consumer& at) {
  auto back_to = at.delivered_stream;
  while (!at.pending.empty()) {
    const auto last = std::prev(at.pending.end());
    if (last->second.since + settled_written_within < on_.now || last->second.queued
        || at.deliveries[last->first] > 1)
      break;
    ++by_.seen["delivery forgotten"];
    back_to = last->first - 1;
    at.delivered_consumer -= std::min<std::uint64_t>(at.delivered_consumer, 1);
    at.deliveries.erase(last->first);
    if (of.messages.contains(last->first))
      ++at.waiting;
    at.pending.erase(last);
  }
  // What lies between is not for this consumer, or settled: that is known.
  at.delivered_stream = std::min(at.delivered_stream, back_to);
}

void jetstream::make_anew(std::string_view name) {
  const auto old = std::move(streams.at(std::string{name}));
  auto made = std::make_unique<stream>();
  made->name = old->name;
  made->config = old->config;
  made->subjects = old->subjects;
  made->window = old->window;
  made->messages_max = old->messages_max;
  made->bytes_max = old->bytes_max;
  made->age_max = old->age_max;
  made->discards_new = old->discards_new;
  made->created_ns = wall_ns();
  made->made_at = on_.now;
  for (const auto& [consumer_name, each] : old->consumers) {
    for (const auto& request : each->requests)
      end(request, "409", "Consumer Deleted");
    if (!each->settles)
      continue;
    auto one = std::make_unique<consumer>();
    one->name = each->name;
    one->config = each->config;
    one->filter = each->filter;
    one->headers_only = each->headers_only;
    one->ack_wait = each->ack_wait;
    one->deliver_max = each->deliver_max;
    one->ack_pending_max = each->ack_pending_max;
    one->created_ns = made->created_ns;
    one->made_at = on_.now;
    made->consumers[consumer_name] = std::move(one);
  }
  streams[old->name] = std::move(made);
}

void jetstream::remove(stream& of, const std::string& consumer_name) {
  const auto gone = of.consumers.extract(consumer_name);
  for (const auto& request : gone.mapped()->requests)
    end(request, "409", "Consumer Deleted");
  if (gone.mapped()->settles)
    missing_.insert(consumer_name);
}

void jetstream::leave_unled(consumer& at) {
  at.led = false;
  at.told_so = on_.random.one_in(2);
  for (const auto& request : std::exchange(at.requests, {}))
    if (on_.random.one_in(2))
      end(request, "409", "Leadership Change");
}

void jetstream::change_leader(bool behind) {
  for (auto& [name, each] : streams)
    for (auto& [consumer_name, at] : each->consumers) {
      for (const auto& request : std::exchange(at->requests, {}))
        if (on_.random.one_in(2))
          end(request, "409", "Leadership Change");
      if (!behind || !at->settles)
        continue;
      forget_settlements(*at);
      step_back(*each, *at);
    }
}

} // namespace ledgerd::sim
