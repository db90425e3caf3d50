#include "actors/common/progress.hpp"

#include <algorithm>
#include <utility>

namespace ledgerd {

namespace {

void sort_longest_first(std::vector<standing_actor>& all) {
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.wait.since > b.wait.since; });
}

} // namespace

bool halts_the_rest(const standstill& wait) {
  return !wait.aside && !wait.alone;
}

standstill longer(standstill one, standstill other) {
  const auto halts = [](const standstill& wait) {
    return halts_the_rest(wait) && wait.since >= standstill_after;
  };
  const bool other_first = halts(one) != halts(other) ? halts(other) : other.since > one.since;
  return other_first ? std::move(other) : std::move(one);
}

const standing_actor* worth_a_restart(const std::vector<standing_actor>& standing) {
  const auto found = std::find_if(standing.begin(), standing.end(), [](const auto& each) {
    return halts_the_rest(each.wait) && !each.wait.refused;
  });
  return found == standing.end() ? nullptr : &*found;
}

std::size_t roll_call::add(std::string who, duty what) {
  children_.push_back({std::move(who), what, std::nullopt, {}, {}});
  return children_.size() - 1;
}

void roll_call::answered(std::size_t number, progress_time now, standstill wait) {
  auto& entry = children_[number];
  entry.asked.reset();
  entry.wait = std::move(wait);
  entry.answered = now;
}

bool roll_call::hesitates(progress_time now) const {
  return std::any_of(children_.begin(), children_.end(), [now](const child& each) {
    return each.what == duty::moves_money
           && ((each.wait.since >= hesitates_after && halts_the_rest(each.wait))
               || (each.asked && now - *each.asked >= hesitates_after));
  });
}

std::vector<standing_actor> roll_call::standing(progress_time now) const {
  std::vector<standing_actor> result;
  const auto passed = [&](progress_time since) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - since);
  };
  for (const auto& each : children_) {
    standstill wait;
    if (each.asked)
      wait = {passed(*each.asked), "does not answer"};
    // What it waited for at its last answer may have gone on since.
    const auto bound = each.what == duty::answers ? unanswered_after : standstill_after;
    const bool silent = wait.since >= bound;
    if (each.wait.since >= bound)
      wait = longer(std::move(wait), {.since = each.wait.since + passed(each.answered),
                                      .what = each.wait.what,
                                      .aside = each.wait.aside && !silent,
                                      .alone = each.wait.alone && !silent,
                                      .refused = each.wait.refused && !silent,
                                      .sending = each.wait.sending && !silent});
    if (wait.since >= bound)
      result.push_back({each.who, std::move(wait), each.what, silent});
  }
  sort_longest_first(result);
  return result;
}

void progress_board::note(const std::string& side, std::vector<standing_actor> standing,
                          progress_time now) {
  const std::lock_guard lock{mutex_};
  pages_[side] = {std::move(standing), now};
}

void progress_board::leave(const std::string& side) {
  const std::lock_guard lock{mutex_};
  pages_.erase(side);
}

std::vector<standing_actor> progress_board::standing(progress_time now) const {
  const std::lock_guard lock{mutex_};
  std::vector<standing_actor> result;
  for (const auto& [side, last] : pages_) {
    const auto silent = std::chrono::duration_cast<std::chrono::milliseconds>(now - last.noted);
    for (auto each : last.standing) {
      each.wait.since += silent;
      result.push_back(std::move(each));
    }
    if (silent >= standstill_after)
      result.push_back({side, {silent, "its root does not answer"}, duty::moves_money, true});
  }
  sort_longest_first(result);
  return result;
}

} // namespace ledgerd
