// What every kind of movement is called on the broker (contract section 1), and which consumers
// there are. A new kind of movement is one line here. Any thread.
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

// The contract's, in the order of `movement`.
inline constexpr auto contract_routes = std::to_array<movement_route>({
    {movement::deposit, "transaction.deposit", "deposit-consumer", "transaction.result.deposit",
     "transaction.dead.deposit"},
    {movement::withdrawal, "transaction.withdrawal", "withdrawal-consumer",
     "transaction.result.withdrawal", "transaction.dead.withdrawal"},
});

static_assert([] {
  for (std::size_t i = 0; i < contract_routes.size(); ++i)
    if (static_cast<std::size_t>(contract_routes[i].type) != i)
      return false;
  return true;
}());

using route_list = std::array<movement_route, contract_routes.size()>;

// Whose fetchers read a consumer: those of nodes with the ledger role, or with the account role.
enum class consumer_reader : std::uint8_t { ledger, account };

struct durable_consumer {
  std::string_view stream;
  std::string_view name;
  std::string_view filter; // empty: none
  consumer_reader reader = consumer_reader::ledger;

  // By a node that has these roles.
  constexpr bool is_read(bool ledger_role, bool account_role) const noexcept {
    return reader == consumer_reader::ledger ? ledger_role : account_role;
  }
};

using consumer_list = std::array<durable_consumer, contract_routes.size() + 2>;

namespace names {
extern route_list chosen_routes;       // written by choose_names alone
extern consumer_list chosen_consumers; // likewise
} // namespace names

// As this process uses them (see names.hpp), in the order of `movement`.
inline constexpr const route_list& movement_routes = names::chosen_routes;

// One for each kind of movement, in their order, then the account side's two.
inline constexpr const consumer_list& durable_consumers = names::chosen_consumers;

// A movement without a line ends the program: nothing is published under another one's name.
inline const movement_route& route_of(movement type) noexcept {
  return movement_routes.at(static_cast<std::size_t>(type));
}

// What callers may choose from, in words: `DEPOSIT or WITHDRAWAL` with `to_text` of the movement.
template <class Word>
std::string movement_choice(Word word) {
  std::string result;
  for (const auto& route : movement_routes)
    result.append(result.empty() ? "" : " or ").append(word(route));
  return result;
}

} // namespace ledgerd
