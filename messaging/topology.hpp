// What every kind of movement is called on the broker (contract section 1), and which consumers
// there are. A new kind of movement is one line here. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "domain/entry.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

struct movement_route {
  movement type;
  std::string_view request;     // subject, in the request stream
  std::string_view consumer;    // durable, of that subject
  std::string_view result;      // subject, in the result stream
  std::string_view dead_letter; // subject, in the dead-letter stream

  // The last token of its subjects.
  constexpr std::string_view token() const noexcept {
    return request.substr(request.rfind('.') + 1);
  }
};

// In the order of `movement`.
inline constexpr auto movement_routes = std::to_array<movement_route>({
    {movement::deposit, "transaction.deposit", "deposit-consumer", "transaction.result.deposit",
     "transaction.dead.deposit"},
    {movement::withdrawal, "transaction.withdrawal", "withdrawal-consumer",
     "transaction.result.withdrawal", "transaction.dead.withdrawal"},
});

// A movement without a line ends the program: nothing is published under another one's name.
constexpr const movement_route& route_of(movement type) noexcept {
  return movement_routes.at(static_cast<std::size_t>(type));
}

static_assert([] {
  for (const auto& each : movement_routes)
    if (&route_of(each.type) != &each)
      return false;
  return true;
}());

// What callers may choose from, in words: `DEPOSIT or WITHDRAWAL` with `to_text` of the movement.
template <class Word>
std::string movement_choice(Word word) {
  std::string result;
  for (const auto& route : movement_routes)
    result.append(result.empty() ? "" : " or ").append(word(route));
  return result;
}

// Whose fetchers read a consumer: those of nodes with the ledger role, or with the account role.
enum class consumer_reader : std::uint8_t { ledger, account };

struct durable_consumer {
  std::string_view stream;
  std::string_view name;
  std::string_view filter;
  bool headers_only = false; // its reader needs no payloads
  consumer_reader reader = consumer_reader::ledger;

  // By a node that has these roles.
  constexpr bool is_read(bool ledger_role, bool account_role) const noexcept {
    return reader == consumer_reader::ledger ? ledger_role : account_role;
  }
};

// One for each kind of movement, in their order, then the account side's two.
inline constexpr auto durable_consumers = [] {
  std::array<durable_consumer, movement_routes.size() + 2> all;
  auto* next = all.data();
  for (const auto& route : movement_routes)
    *next++ = {names::request_stream, route.consumer, route.request};
  *next++ = {names::result_stream, names::account_result_consumer, names::result_subjects, false,
             consumer_reader::account};
  *next++ = {names::dead_letter_stream, names::account_dead_letter_consumer,
             names::dead_letter_subjects, true, consumer_reader::account};
  return all;
}();

} // namespace ledgerd
