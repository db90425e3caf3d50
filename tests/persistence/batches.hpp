// Short words for building batches and reading answers in tests of stores.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "domain/plan.hpp"
#include "persistence/ledger_store.hpp"

namespace ledgerd::test {

inline account_key won(std::string user) {
  return {std::move(user), *currency_code::parse("KRW")};
}

inline entry deposit(std::int64_t id, std::int64_t amount) {
  return {record_id{id}, {}, movement::deposit, money{amount}};
}

inline entry withdrawal(std::int64_t id, std::int64_t amount) {
  return {record_id{id}, {}, movement::withdrawal, money{amount}};
}

// A group whose entries belong to `account`.
inline posting_group group(const account_key& account, std::optional<account_head> head,
                           std::vector<entry> entries) {
  for (auto& each : entries)
    each.account = account;
  return {account, head, std::move(entries)};
}

constexpr account_head head(std::int64_t balance, std::int64_t seq) {
  return {money{balance}, seq};
}

// The posted batch, or std::bad_variant_access, which fails the test, when it failed.
inline posted posted_of(post_result result) {
  return std::get<posted>(std::move(result));
}

// How a post failed; nothing when it did not.
inline std::optional<store_failure_kind> failure_of(const post_result& result) {
  const auto failure = std::get_if<store_failure>(&result);
  return failure == nullptr ? std::nullopt : std::optional(failure->kind);
}

inline std::vector<outcome> verdicts(const group_answer& answered) {
  std::vector<outcome> result;
  for (const auto& each : answered.answers)
    result.push_back(each.verdict);
  return result;
}

template <class Error, class Function>
bool throws(Function function) {
  try {
    function();
    return false;
  } catch (const Error&) {
    return true;
  }
}

} // namespace ledgerd::test
