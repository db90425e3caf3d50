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

// Entries of several accounts in this order; each is given the account at its place.
inline posting_batch mixed(std::vector<batch_head> heads, std::vector<batch_entry> entries) {
  for (auto& [asked, head] : entries)
    asked.account = heads.at(head).account;
  return {std::move(heads), std::move(entries)};
}

// A batch whose entries all belong to `account`.
inline posting_batch group(const account_key& account, std::optional<account_head> head,
                           const std::vector<entry>& entries) {
  std::vector<batch_entry> all;
  for (const auto& each : entries)
    all.push_back({each, 0});
  return mixed({{account, head}}, std::move(all));
}

// One after the other.
inline posting_batch joined(const std::vector<posting_batch>& batches) {
  posting_batch result;
  for (const auto& batch : batches) {
    for (const auto& [asked, head] : batch.entries)
      result.entries.push_back({asked, result.heads.size() + head});
    result.heads.insert(result.heads.end(), batch.heads.begin(), batch.heads.end());
  }
  return result;
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

inline std::vector<outcome> verdicts(const posted& answered) {
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
