// Short words for batches and answers of record stores in tests.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "persistence/record_store.hpp"
#include "tests/persistence/batches.hpp"

namespace ledgerd::test {

inline submission ask(std::string user, std::int64_t amount, movement type = movement::deposit) {
  return {won(std::move(user)), type, money{amount}};
}

// The verdict SUCCESS on a record, of transaction 7 with 500 left.
inline record_verdict success(record_id id, const submission& decided) {
  return {id, decided, record_status::success, transaction_id{7}, {}, money{500}};
}

inline record_verdict failure(record_id id, const submission& decided,
                              std::string reason = "INSUFFICIENT_FUNDS") {
  return {id, decided, record_status::failed, transaction_id{7}, std::move(reason), money{500}};
}

// A letter that says that the request, which asked for `asked`, was parked.
inline record_verdict parked(record_id id, const submission& asked, std::string reason) {
  record_verdict result{id, asked, record_status::failed, {}, std::move(reason), {}};
  result.parked = true;
  return result;
}

// The answers, or std::bad_variant_access, which fails the test, when the call failed.
template <class Answers>
Answers done(std::variant<Answers, store_failure> result) {
  return std::get<Answers>(std::move(result));
}

// How a call failed; nothing when it did not.
template <class Answers>
std::optional<store_failure_kind> kind_of(const std::variant<Answers, store_failure>& result) {
  const auto failed = std::get_if<store_failure>(&result);
  return failed == nullptr ? std::nullopt : std::optional(failed->kind);
}

inline std::vector<record_outcome> outcomes(const std::vector<recorded>& answers) {
  std::vector<record_outcome> result;
  for (const auto& each : answers)
    result.push_back(each.outcome);
  return result;
}

inline std::vector<settle_outcome> outcomes(const std::vector<settled>& answers) {
  std::vector<settle_outcome> result;
  for (const auto& each : answers)
    result.push_back(each.outcome);
  return result;
}

} // namespace ledgerd::test
