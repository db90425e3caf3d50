#include "app/page/flow_meter.hpp"

#include <utility>

#include "app/operations/bucket_share.hpp"

namespace ledgerd {

namespace {

using time_point = std::chrono::steady_clock::time_point;

double seconds(time_point from, time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// A counter that falls was begun anew, or lacks a part.
template <class Number>
std::optional<double> per_second(Number before, Number now, double seconds) {
  if (now < before || seconds <= 0)
    return std::nullopt;
  return static_cast<double>(now - before) / seconds;
}

std::optional<double> outcome_rate(const flow_sample& from, const flow_sample& to,
                                   std::size_t outcome) {
  const auto &before = from.outcomes.at(outcome), &now = to.outcomes.at(outcome);
  return before && now ? per_second(*before, *now, seconds(from.at, to.at)) : std::nullopt;
}

// By the times at which the streams were looked at.
std::optional<double> published_rate(const flow_sample& from, const flow_sample& to) {
  const auto &before = from.streams, &now = to.streams;
  if (!before || !now || before->requests_life != now->requests_life)
    return std::nullopt;
  return per_second(before->requests, now->requests, seconds(before->at, now->at));
}

const node_count* find_count(const flow_sample& sample, boot_id node) {
  const auto found = sample.nodes.find(node);
  return found == sample.nodes.end() || !found->second.outcomes ? nullptr : &found->second;
}

// Nothing changes when they are one word, or a counter has fallen.
void add_pace(joint_pace& sum, const node_count& before, const node_count& now) {
  if (now.uptime_ms <= before.uptime_ms)
    return;
  constexpr double ms_per_second = 1000;
  const auto passed = static_cast<double>(now.uptime_ms - before.uptime_ms) / ms_per_second;
  std::array<double, entry_outcomes.size()> rates{};
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const auto rate = per_second(before.outcomes->at(i), now.outcomes->at(i), passed);
    if (!rate)
      return;
    rates.at(i) = *rate;
  }
  ++sum.nodes;
  for (std::size_t i = 0; i < rates.size(); ++i)
    sum.rates.at(i) += rates.at(i);
}

} // namespace

std::int64_t
quantile_us(const std::array<std::int64_t, duration_histogram::bounds_us.size() + 1>& buckets,
            double share) {
  constexpr const auto& bounds = duration_histogram::bounds_us;
  std::array<counted_bucket, bounds.size() + 1> counted{};
  for (std::size_t i = 0; i < counted.size(); ++i) {
    if (i < bounds.size())
      counted.at(i).bound = bounds.at(i);
    counted.at(i).count = buckets.at(i);
  }
  return value_at_share(counted, share).value_or(bounds.back());
}

void flow_meter::note(flow_sample sample) {
  if (!samples_.empty() && sample.at - samples_.back().at > window) {
    samples_.clear();
    steps_.clear();
  }
  samples_.push_back(std::move(sample));
  steps_.push_back(last_step());
  if (samples_.size() > samples_max) {
    samples_.pop_front();
    steps_.pop_front();
  }
}

// From what each node has said last to what it said before that.
joint_pace flow_meter::last_step() const {
  joint_pace sum;
  const auto& last = samples_.back();
  for (const auto& [node, count] : last.nodes) {
    const auto* now = find_count(last, node);
    for (auto each = samples_.rbegin() + 1; now != nullptr && each != samples_.rend(); ++each) {
      if (last.at - each->at > window)
        break;
      const auto* before = find_count(*each, node);
      if (before == nullptr || before->uptime_ms == now->uptime_ms)
        continue;
      add_pace(sum, *before, *now);
      break;
    }
  }
  return sum;
}

// The oldest sample that is not older than the window; null: there are no two.
const flow_sample* flow_meter::window_begin() const {
  for (const auto& each : samples_)
    if (samples_.back().at - each.at <= window)
      return &each == &samples_.back() ? nullptr : &each;
  return nullptr;
}

std::optional<double> flow_meter::rate(std::size_t outcome) const {
  const auto* begin = window_begin();
  return begin != nullptr ? outcome_rate(*begin, samples_.back(), outcome) : std::nullopt;
}

std::optional<double> flow_meter::published() const {
  const auto* begin = window_begin();
  return begin != nullptr ? published_rate(*begin, samples_.back()) : std::nullopt;
}

std::optional<double> flow_meter::decided(boot_id node) const {
  const auto* begin = window_begin();
  if (begin == nullptr)
    return std::nullopt;
  const auto before = begin->nodes.find(node);
  const auto now = samples_.back().nodes.find(node);
  if (before == begin->nodes.end() || now == samples_.back().nodes.end()
      || now->second.uptime_ms <= before->second.uptime_ms)
    return std::nullopt;
  const std::chrono::duration<double, std::milli> passed(now->second.uptime_ms
                                                         - before->second.uptime_ms);
  return per_second(before->second.decided, now->second.decided,
                    std::chrono::duration<double>(passed).count());
}

joint_pace flow_meter::together() const {
  joint_pace sum;
  if (samples_.empty())
    return sum;
  const auto& last = samples_.back();
  for (const auto& [node, count] : last.nodes) {
    const auto* now = find_count(last, node);
    for (const auto& each : samples_) {
      const auto* before = find_count(each, node);
      if (now == nullptr || before == nullptr || last.at - each.at > window)
        continue;
      add_pace(sum, *before, *now);
      break;
    }
  }
  return sum;
}

std::vector<stage_times> flow_meter::stages() const {
  std::vector<stage_times> result;
  const auto* begin = window_begin();
  if (begin == nullptr)
    return result;
  for (const auto& [name, now] : samples_.back().stages) {
    const auto before = begin->stages.find(name);
    if (before == begin->stages.end() || now.count() <= before->second.count())
      continue;
    auto buckets = now.buckets();
    for (std::size_t i = 0; i < buckets.size(); ++i)
      buckets.at(i) -= before->second.buckets().at(i);
    result.push_back({name, now.count() - before->second.count(), quantile_us(buckets, 0.5),
                      quantile_us(buckets, 0.99)});
  }
  return result;
}

flow_meter::rates flow_meter::outcome_series(std::size_t outcome) const {
  rates result;
  for (std::size_t i = 1; i < samples_.size(); ++i)
    result.push_back(outcome_rate(samples_.at(i - 1), samples_.at(i), outcome));
  return result;
}

flow_meter::rates flow_meter::joint_series(std::size_t outcome) const {
  rates result;
  for (std::size_t i = 1; i < steps_.size(); ++i)
    result.push_back(steps_[i].nodes > 0 ? std::optional{steps_[i].rates.at(outcome)}
                                         : std::nullopt);
  return result;
}

flow_meter::rates flow_meter::published_series() const {
  rates result;
  for (std::size_t i = 1; i < samples_.size(); ++i)
    result.push_back(published_rate(samples_.at(i - 1), samples_.at(i)));
  return result;
}

} // namespace ledgerd
