#include "actors/cluster/member_table.hpp"

#include <algorithm>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

bool says_the_same(node_word one, const node_word& other) {
  one.uptime_ms = other.uptime_ms;
  one.asks = other.asks;
  return one == other;
}

} // namespace

member_news member_table::hear(const node_word& word) {
  LEDGERD_ASSERT(word.boot != self_);
  const auto found = members_.find(word.boot);
  if (word.doing == node_doing::gone) {
    if (found == members_.end())
      return member_news::nothing;
    const bool lived = lives(found->second);
    members_.erase(found);
    return lived ? member_news::left : member_news::nothing;
  }
  if (found == members_.end()) {
    if (members_.size() >= members_max && !make_room())
      return member_news::refused;
    members_.emplace(word.boot, member{word});
    return member_news::joined;
  }
  auto& one = found->second;
  const auto news = !lives(one)                     ? member_news::joined
                    : says_the_same(one.word, word) ? member_news::nothing
                                                    : member_news::changed;
  one = {word};
  return news;
}

std::vector<node_word> member_table::pass(std::chrono::milliseconds time) {
  std::vector<node_word> lost;
  for (auto& [boot, one] : members_) {
    const bool lived = lives(one);
    one.silent += time;
    if (lived && !lives(one))
      lost.push_back(one.word);
  }
  std::erase_if(members_, [](const auto& each) { return each.second.silent > shown; });
  return lost;
}

std::vector<node_word> member_table::living() const {
  std::vector<node_word> result;
  for (const auto& [boot, one] : members_)
    if (lives(one) && !is_stranger(one.word))
      result.push_back(one.word);
  return result;
}

const node_word* member_table::namesake(const std::string& name, bool starting) const {
  return find([&](const node_word& word) {
    const bool gives_way = word.doing == node_doing::starting && !(starting && word.boot < self_);
    return word.name == name && !gives_way;
  });
}

const node_word* member_table::stranger(bool starting) const {
  return find([&](const node_word& word) {
    return is_stranger(word) && (starting || word.doing != node_doing::starting);
  });
}

std::vector<known_node> member_table::known() const {
  std::vector<known_node> result;
  for (const auto& [boot, one] : members_)
    result.push_back({.boot = boot,
                      .name = one.word.name,
                      .version = one.word.version,
                      .ledger = one.word.ledger,
                      .account = one.word.account,
                      .doing = one.word.doing,
                      .age_ms = static_cast<std::uint64_t>(one.silent.count())});
  return result;
}

// Who has been silent for longest goes first; those that live stay.
bool member_table::make_room() {
  const auto longest =
      std::max_element(members_.begin(), members_.end(), [](const auto& a, const auto& b) {
        return a.second.silent < b.second.silent;
      });
  if (longest == members_.end() || lives(longest->second))
    return false;
  members_.erase(longest);
  return true;
}

} // namespace ledgerd
