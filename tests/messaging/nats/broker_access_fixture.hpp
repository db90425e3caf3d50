// Uses a broker in every way the daemon does; for tests of how it is reached.
#pragma once

#include "tests/messaging/nats/broker_fixture.hpp"

namespace ledgerd::test {

// Provisions, publishes, pulls, acknowledges, reads and deletes. Empty, or what went wrong.
inline std::string exercise(broker& bus, std::uint64_t requests = 200) {
  const auto made = bus.provision({.account = true});
  if (!made.empty())
    return "provisioning: " + made.refused.front();
  const auto before = bus.stream(names::request_stream).last_seq;
  std::uint64_t sent = 0;
  bus.publish_all(
      [&]() -> std::optional<outgoing> {
        if (sent == requests)
          return std::nullopt;
        ++sent;
        return outgoing{.token = sent,
                        .subject = "transaction.deposit",
                        .message_id = std::to_string(before + sent),
                        .payload = std::to_string(sent)};
      },
      100, nullptr, 10s);
  std::uint64_t fetched = 0;
  {
    std::vector<delivery> in_hand;
    fetcher fetch(bus.make_source(names::request_stream, "deposit-consumer", 50), 500);
    eventually([&] {
      for (auto& one : fetch.turn())
        in_hand.push_back(std::move(one));
      std::erase_if(in_hand, [&](delivery& one) {
        if (!fetch.source().identify(one)) // the answer comes with a later turn
          return false;
        fetch.done(one);
        ++fetched;
        return true;
      });
      return fetched >= requests;
    });
    // The acknowledgements are on their way with the source.
    if (!eventually([&] {
          fetch.turn();
          return bus.consumer(names::request_stream, "deposit-consumer").ack_pending == 0;
        }))
      return "acknowledgements do not arrive";
  }
  if (fetched != requests)
    return std::to_string(fetched) + " of " + std::to_string(requests) + " requests came";
  std::uint64_t read = 0;
  bus.read(names::request_stream, "transaction.deposit", before + 1,
           [&](const stored_message&) { return ++read, true; });
  if (read != requests)
    return std::to_string(read) + " of " + std::to_string(requests) + " requests were read";
  const auto last = before + requests;
  if (!bus.message(names::request_stream, last))
    return "a stored request cannot be read";
  bus.delete_message(names::request_stream, last);
  if (bus.message(names::request_stream, last))
    return "a request cannot be deleted";
  if (bus.consumer_names(names::request_stream).size() != 2)
    return "the consumers' names cannot be read";
  bus.round_trip(2s);
  return {};
}

} // namespace ledgerd::test
