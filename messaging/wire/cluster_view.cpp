// What many answers say together.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "messaging/cluster_answer.hpp"

namespace ledgerd {

namespace {

node_word word_of(const known_node& known) {
  node_word word;
  word.boot = known.boot;
  word.name = known.name;
  word.version = known.version;
  word.ledger = known.ledger;
  word.account = known.account;
  word.doing = known.doing;
  return word;
}

// By name, for how long those that answer have been up; of several of one name, the longest.
using uptimes = std::map<std::string, std::uint64_t>;

// Whether a node that does not answer has come back under its name, as another life: one that was
// up before the other's last word is another node.
bool has_come_back(const known_node& silent, const uptimes& answering) {
  constexpr std::uint64_t on_the_way_ms = 1000; // a word, at most
  const auto next = answering.find(silent.name);
  return next != answering.end()
         && (next->second <= on_the_way_ms || next->second - on_the_way_ms <= silent.age_ms);
}

// What one node knows of another one.
void add(node_view& view, const cluster_answer& by, const known_node& known) {
  const bool younger = !view.age_ms || known.age_ms < *view.age_ms;
  if (view.silent && younger)
    view.word = word_of(known);
  if (!view.age_ms || younger == view.silent)
    view.age_ms = known.age_ms;
  if (by.word.ledger && known.ledger)
    view.link_up = view.link_up.value_or(true) && known.link_up;
}

void add_received(std::vector<node_view>& views, const cluster_answer& from) {
  for (const auto& one : from.tally.forwarded)
    for (auto& view : views)
      if (view.word.name == one.node)
        view.received.push_back({from.word.name, one.entries});
}

} // namespace

std::vector<node_view> view_of(const std::vector<cluster_answer>& answers) {
  std::map<boot_id, node_view> found;
  uptimes answering;
  for (const auto& each : answers) {
    found[each.word.boot] = {.word = each.word, .tally = each.tally};
    auto& longest = answering[each.word.name];
    longest = std::max(longest, each.word.uptime_ms);
  }
  for (const auto& each : answers)
    for (const auto& known : each.knows) {
      const auto at = found.find(known.boot);
      if (at == found.end() && has_come_back(known, answering))
        continue;
      auto& view = at != found.end() ? at->second : found[known.boot];
      view.silent = view.word.boot == boot_id{} || view.silent;
      add(view, each, known);
    }
  std::vector<node_view> views;
  views.reserve(found.size());
  for (auto& [boot, view] : found)
    views.push_back(std::move(view));
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) {
    return std::tie(a.word.name, a.word.boot) < std::tie(b.word.name, b.word.boot);
  });
  for (const auto& each : answers)
    add_received(views, each);
  return views;
}

bool is_complete(std::span<const cluster_answer> answers) {
  std::set<boot_id> boots;
  for (const auto& each : answers)
    boots.insert(each.word.boot);
  return std::all_of(answers.begin(), answers.end(), [&](const cluster_answer& each) {
    return std::all_of(each.knows.begin(), each.knows.end(),
                       [&](const known_node& known) { return boots.contains(known.boot); });
  });
}

const cluster_answer* find_namesake(std::span<const cluster_answer> answers, std::string_view name,
                                    boot_id self) {
  const auto found = std::find_if(answers.begin(), answers.end(), [&](const cluster_answer& each) {
    return each.word.name == name && each.word.boot != self;
  });
  return found == answers.end() ? nullptr : &*found;
}

const cluster_answer* find_stranger(std::span<const cluster_answer> answers,
                                    std::uint64_t database) {
  const auto found = std::find_if(answers.begin(), answers.end(), [&](const cluster_answer& each) {
    return serve_different_ledgers(each.word.database, database);
  });
  return found == answers.end() ? nullptr : &*found;
}

} // namespace ledgerd
