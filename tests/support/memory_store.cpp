#include "tests/support/memory_store.hpp"

#include <algorithm>
#include <utility>

namespace ledgerd::test {

namespace {

// Some moment of 2026, and a microsecond more for every posting.
constexpr std::int64_t first_moment = 1'770'000'000'000'000;

known_postings known_among(const std::vector<posting_group>& batch,
                           const std::map<record_id, posting>& postings) {
  known_postings result;
  for (const auto& group : batch)
    for (const auto& asked : group.entries)
      if (const auto found = postings.find(asked.id); found != postings.end())
        result.emplace(*found);
  return result;
}

} // namespace

memory_database::content memory_database::picture() const {
  const std::lock_guard lock(mutex_);
  return content_;
}

memory_store::memory_store(std::shared_ptr<memory_database> shared) : shared_(std::move(shared)) {}

void memory_store::fail_next(int count, store_failure_kind kind) {
  failures_ = count;
  failure_ = kind;
}

void memory_store::block(const account_key& account, naming how) {
  blocked_.insert_or_assign(account, how);
}

void memory_store::unblock(const account_key& account) {
  blocked_.erase(account);
}

post_result memory_store::post(const std::vector<posting_group>& batch, const post_limits& limits) {
  ++posts_;
  if (failures_ > 0) {
    --failures_;
    return store_failure{failure_, "the test asked for it"};
  }
  if (auto failure = blocks(batch, limits))
    return std::move(*failure);
  const std::lock_guard lock(shared_->mutex_);
  posted result;
  const auto groups = on_present_heads(batch, result.statistics);
  auto planned = plan(groups, known_among(groups, shared_->content_.postings));
  if (rejects(planned))
    return store_failure{store_failure_kind::rejected, "the test asked for it"};
  result.statistics.rows = static_cast<std::uint32_t>(planned.rows.size());
  write(groups, planned);
  if (!planned.rows.empty() && commits_in_doubt_ > 0) {
    --commits_in_doubt_;
    return store_failure{store_failure_kind::in_doubt, "the test asked for it"};
  }
  result.groups = complete(std::move(planned));
  return result;
}

std::vector<posting_group> memory_store::on_present_heads(const std::vector<posting_group>& batch,
                                                          post_statistics& statistics) const {
  auto result = batch;
  for (auto& group : result) {
    const auto found = shared_->content_.accounts.find(group.account);
    const auto present = found == shared_->content_.accounts.end() ? account_head{} : found->second;
    statistics.heads_read += !group.head;
    statistics.fence_rejections += group.head && *group.head != present;
    group.head = present;
  }
  return result;
}

std::optional<store_failure> memory_store::blocks(const std::vector<posting_group>& batch,
                                                  const post_limits& limits) const {
  store_failure failure{store_failure_kind::blocked, "the test asked for it"};
  bool found = false;
  for (std::size_t place = 0; place < batch.size(); ++place) {
    const auto how = blocked_.find(batch[place].account);
    if (how == blocked_.end())
      continue;
    found = true;
    if (how->second == naming::at_once || (how->second == naming::one_by_one && limits.one_by_one))
      failure.culprits.push_back(place);
  }
  return found ? std::optional{std::move(failure)} : std::nullopt;
}

bool memory_store::rejects(const batch_plan& planned) const {
  return std::any_of(planned.rows.begin(), planned.rows.end(),
                     [this](const posting& row) { return rejected_.contains(row.record); });
}

void memory_store::write(const std::vector<posting_group>& batch, batch_plan& planned) {
  auto& [accounts, postings] = shared_->content_;
  for (auto& row : planned.rows) {
    const auto number = static_cast<std::int64_t>(postings.size()) + 1;
    row.id = transaction_id{number};
    row.created_at = database_time{first_moment + number};
    postings.emplace(row.record, row);
  }
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (planned.groups[i].head.seq != batch[i].head->seq)
      accounts.insert_or_assign(batch[i].account, planned.groups[i].head);
}

} // namespace ledgerd::test
