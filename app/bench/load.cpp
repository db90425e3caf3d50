#include "app/bench/load.hpp"

#include <algorithm>

#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

constexpr std::uint64_t duplicate_block = 5'000;
constexpr std::uint64_t turn_step = 61'803; // has no factor in common with the number of accounts
constexpr std::uint64_t opening_records = 1'000'000'000'000;

// SplitMix64 (Steele, Lea, Flood 2014): spreads an index over accounts and amounts.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

outgoing request(std::uint64_t record, std::uint64_t account, std::uint64_t amount, movement type) {
  outgoing result;
  result.subject = route_of(type).request;
  result.payload = R"({"recordId":)" + std::to_string(record) + R"(,"userId":"user-)"
                   + std::to_string(account) + R"(","amount":)" + std::to_string(amount)
                   + R"(,"currency":"KRW","type":")" + std::string(to_text(type)) + R"("})";
  return result;
}

} // namespace

const std::vector<bench_scenario>& bench_scenarios() {
  static const std::vector<bench_scenario> all{
      {.name = "even"},
      {.name = "hot-account", .accounts = 1},
      {.name = "half-duplicates", .half_duplicates = true},
      {.name = "accounts-1k", .accounts = 1'000},
      {.name = "cold-start", .accounts = 100'000, .in_turn = true},
      {.name = "accounts-1m", .accounts = 1'000'000},
  };
  return all;
}

outgoing bench_request(const bench_scenario& scenario, std::uint64_t first_record,
                       std::uint64_t index) {
  // A copy follows its original at a distance of one block, so that it meets another commit.
  const auto offset = scenario.half_duplicates ? index / (2 * duplicate_block) * duplicate_block
                                                     + index % duplicate_block
                                               : index;
  const auto record = first_record + offset;
  const auto random = mix(record);
  const auto account = scenario.in_turn ? index * turn_step : random;
  return request(record, account % scenario.accounts, 1 + (random >> 32) % 100'000,
                 random % 3 != 0 ? movement::deposit : movement::withdrawal);
}

std::uint64_t distinct_records(const bench_scenario& scenario, std::uint64_t messages) {
  if (!scenario.half_duplicates)
    return messages;
  const auto rest = messages % (2 * duplicate_block);
  return messages / (2 * duplicate_block) * duplicate_block + std::min(rest, duplicate_block);
}

outgoing bench_opening(std::uint64_t account) {
  return request(opening_records + account, account, 1'000'000, movement::deposit);
}

} // namespace ledgerd
