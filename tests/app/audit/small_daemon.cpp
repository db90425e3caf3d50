#include "tests/app/audit/small_daemon.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>
#include <variant>

#include "messaging/names.hpp"

namespace ledgerd::test {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;

// The message that answers a delivery.
outgoing answer_to(const delivery& source, ledger_store& store, const currency_table& currencies) {
  const auto bury = [&](const rejection& why) {
    return make_dead_letter(0, delivery{source}, why, "small", 1 << 20);
  };
  const auto decoded = decode_entry(source.subject, source.payload, currencies,
                                    {*currency_code::parse("KRW"), false});
  if (const auto* why = std::get_if<rejection>(&decoded))
    return bury(*why);
  const auto& asked = std::get<entry>(decoded);
  const auto result = store.post({{{asked.account, std::nullopt}}, {{asked, 0}}});
  if (const auto* failure = std::get_if<store_failure>(&result))
    throw std::runtime_error(failure->detail);
  const auto& [verdict, stored] = std::get<posted>(result).answers.at(0);
  if (verdict == outcome::conflict)
    return bury({dead_reason::record_id_conflict, "the record id is known with other content"});
  return make_result(0, stored, *currencies.exponent(stored.account.currency), source);
}

bool is_settled(const consumer_state& state) {
  return state.pending == 0 && state.ack_pending == 0;
}

} // namespace

void publish(broker& nats, std::vector<outgoing> messages) {
  std::size_t next = 0;
  nats.publish_all(
      [&]() -> std::optional<outgoing> {
        if (next == messages.size())
          return std::nullopt;
        return messages[next++];
      },
      64, [](std::uint64_t) {}, patience);
}

void publish_requests(broker& nats, const std::vector<request>& requests) {
  for (const auto& [subject, payload] : requests) // one by one: their order matters
    publish(nats, {{.subject = subject, .payload = payload}});
}

void work_off(broker& nats, ledger_store& store, const currency_table& currencies,
              const falsifier& falsify) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::vector<std::unique_ptr<delivery_source>> sources;
  for (const auto durable : {"deposit-consumer", "withdrawal-consumer"})
    sources.push_back(nats.make_source(names::request_stream, durable, 100));
  for (auto& source : sources)
    source->open([] {});
  // In the order of the stream, so that every run leaves the same behind.
  std::map<std::uint64_t, std::pair<delivery, delivery_source*>> arrived;
  const auto wanted = nats.stream(names::request_stream).messages;
  while (arrived.size() < wanted) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("the requests do not arrive");
    for (auto& source : sources) {
      source->pull({100});
      for (auto& each : source->take())
        arrived.emplace(each.stream_seq, std::pair{std::move(each), source.get()});
    }
    std::this_thread::sleep_for(2ms);
  }
  for (auto& [seq, from] : arrived) {
    while (!from.second->identify(from.first)) {
      from.second->pull({0});
      std::this_thread::sleep_for(1ms);
    }
    auto answered = answer_to(from.first, store, currencies);
    if (falsify(answered))
      publish(nats, {std::move(answered)});
    from.second->settle(from.first.receipt, settlement::acknowledge);
  }
  for (const auto durable : {"deposit-consumer", "withdrawal-consumer"})
    while (!is_settled(nats.consumer(names::request_stream, durable))) {
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("the acknowledgements do not arrive");
      std::this_thread::sleep_for(2ms);
    }
  for (auto& source : sources)
    source->close();
}

} // namespace ledgerd::test
