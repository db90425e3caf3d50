// Which places of a batch of the account side a statement is given. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "persistence/record_store.hpp"

namespace ledgerd {

using places = std::vector<std::size_t>;

// Which places of a batch a statement is given, and which of them answers each place.
struct arrangement {
  places asked;
  places answered_by; // for each place of the batch
};

// Sorted, so that two batches cannot wait for each other in a circle; of equal places the first.
template <class Less, class Same>
arrangement arrange(std::size_t size, Less less, Same same) {
  places sorted(size);
  std::iota(sorted.begin(), sorted.end(), std::size_t{0});
  std::stable_sort(sorted.begin(), sorted.end(), less);
  arrangement result{{}, places(size)};
  for (const auto place : sorted) {
    if (result.asked.empty() || !same(result.asked.back(), place))
      result.asked.push_back(place);
    result.answered_by[place] = result.asked.back();
  }
  return result;
}

// In key order; those without a key come first and are all different.
inline arrangement by_key(const std::vector<new_record>& batch) {
  const auto key = [&batch](std::size_t place) -> const std::string& {
    return batch[place].idempotency_key;
  };
  return arrange(
      batch.size(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); },
      [&](std::size_t a, std::size_t b) { return !key(a).empty() && key(a) == key(b); });
}

// Of what is told about one record a statement is given the first result, or of letters the first
// with each content, of which the record has one.
inline places told_once(const std::vector<record_verdict>& batch) {
  const auto key = [&batch](std::size_t place) {
    static const submission any;
    const auto& told = batch[place];
    const auto& asked = told.parked ? told.decided : any;
    return std::tie(told.id, asked.account, asked.type, asked.amount);
  };
  return arrange(
             batch.size(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); },
             [&](std::size_t a, std::size_t b) { return key(a) == key(b); })
      .asked;
}

} // namespace ledgerd
