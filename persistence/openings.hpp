// Opening accounts with a balance (domain/opening.hpp): what is there already, and a store that
// opens and does nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "domain/entry.hpp"
#include "persistence/ledger_store.hpp"
#include "persistence/url_source.hpp"

namespace ledgerd {

struct present_account {
  account_key account;
  account_head head;
  std::optional<posting> first; // its row with seq 1; nothing: the ledger is damaged
};

// Every function waits and throws std::runtime_error. Belongs to one thread.
class account_finder {
public:
  virtual ~account_finder() = default;

  // Those among `accounts` that exist, in no order.
  virtual std::vector<present_account> find(const std::vector<account_key>& accounts) = 0;
};

// When this ledger began beside another service: the time of its oldest row, in microseconds since
// 1970 by the database's clock, if an import has opened any account; 0: none was. Waits; throws
// std::runtime_error.
std::int64_t began_beside_another(const std::string& database_url);

std::unique_ptr<account_finder> make_postgres_account_finder(url_source database_url);

// A ledger store that posts to no account that has a posting already: a batch with such an account
// ends as `rejected`, with these as its culprits, unless all their entries are known. Otherwise it
// does what every store does.
std::unique_ptr<ledger_store> make_postgres_opening_store(url_source database_url);

} // namespace ledgerd
