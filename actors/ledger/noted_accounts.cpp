#include "actors/ledger/noted_accounts.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>

namespace ledgerd {

namespace {

// Whether one comes before the other in its sort.
bool is_before(const noted_account& one, const noted_account& other) {
  if (one.what != other.what)
    return one.what < other.what;
  const bool hot = one.what == noted_account::why::hot;
  const auto rank = [hot](const noted_account& each) {
    const auto entries = static_cast<std::int64_t>(each.entries);
    const auto time = static_cast<std::int64_t>(each.time.count());
    return hot ? std::pair{entries, std::int64_t{0}} : std::pair{time, entries};
  };
  const auto first = rank(one), second = rank(other);
  return first != second ? first > second : one.account < other.account;
}

} // namespace

void hot_accounts::note(const account_key& account, account_heat& heat, std::size_t entries) {
  if (std::exchange(heat.window, window_) != window_)
    heat.entries = 0;
  heat.entries += static_cast<std::uint32_t>(entries);
  if (heat.entries > floor_)
    enter(account, heat.entries);
}

void hot_accounts::enter(const account_key& account, std::uint32_t entries) {
  const auto found = std::find_if(present_.begin(), present_.end(),
                                  [&](const place& each) { return each.account == account; });
  const auto is_less = [](const place& one, const place& other) {
    return one.entries < other.entries;
  };
  if (found != present_.end())
    found->entries = entries;
  else if (present_.size() < accounts_noted)
    present_.push_back({account, entries});
  else
    *std::min_element(present_.begin(), present_.end(), is_less) = {account, entries};
  if (present_.size() == accounts_noted)
    floor_ = std::min_element(present_.begin(), present_.end(), is_less)->entries;
}

void hot_accounts::pass(time_point now) {
  if (now - began_ < window)
    return;
  lasted_ = std::chrono::duration_cast<std::chrono::milliseconds>(now - began_);
  last_ = std::exchange(present_, {});
  floor_ = 0;
  ++window_;
  began_ = now;
}

std::vector<noted_account> hot_accounts::hottest(time_point now) const {
  const bool whole = lasted_.count() > 0;
  const auto time =
      whole ? lasted_ : std::chrono::duration_cast<std::chrono::milliseconds>(now - began_);
  std::vector<noted_account> result;
  for (const auto& [account, entries] : whole ? last_ : present_)
    result.push_back({noted_account::why::hot, account, entries, time, {}});
  std::sort(result.begin(), result.end(), is_before);
  return result;
}

void longest_waits::add(const account_key& account, std::uint64_t entries, time_point since,
                        std::string_view reason) {
  if (!is_long(since))
    return;
  const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - since);
  found_.push_back({noted_account::why::waiting, account, entries, time, std::string{reason}});
  // Twice as many as are kept, so that they are seldom sorted.
  if (found_.size() >= 2 * accounts_noted)
    found_ = take();
}

std::vector<noted_account> longest_waits::take() {
  return most_noted(std::exchange(found_, {}));
}

std::vector<noted_account> most_noted(std::vector<noted_account> all) {
  std::sort(all.begin(), all.end(), is_before);
  const auto waiting = std::find_if(all.begin(), all.end(), [](const noted_account& each) {
    return each.what == noted_account::why::waiting;
  });
  const auto keep = [&](auto from, auto to) {
    return std::min<std::ptrdiff_t>(to - from, accounts_noted);
  };
  std::vector<noted_account> result;
  std::move(all.begin(), all.begin() + keep(all.begin(), waiting), std::back_inserter(result));
  std::move(waiting, waiting + keep(waiting, all.end()), std::back_inserter(result));
  return result;
}

} // namespace ledgerd
