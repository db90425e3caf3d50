// The load of the speed comparison: named scenarios and the requests they consist of.
// Deterministic.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messaging/ports.hpp"

namespace ledgerd {

struct bench_scenario {
  std::string name;
  std::uint64_t accounts = 10000; // all exist before a contender starts
  bool half_duplicates = false;   // every request is published twice
  bool in_turn = false;           // one account after the other, so that each is cold
};

const std::vector<bench_scenario>& bench_scenarios();

// The nth message of a run. `first_record` keeps runs on the same database apart. Two of three are
// deposits.
outgoing bench_request(const bench_scenario& scenario, std::uint64_t first_record,
                       std::uint64_t index);

// How many different record ids the first `messages` messages hold.
std::uint64_t distinct_records(const bench_scenario& scenario, std::uint64_t messages);

// One deposit to an account, with a record id apart from all others: makes the account exist.
outgoing bench_opening(std::uint64_t account);

} // namespace ledgerd
