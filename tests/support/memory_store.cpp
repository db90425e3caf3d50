#include "tests/support/memory_store.hpp"

#include <algorithm>
#include <utility>

namespace ledgerd::test {

namespace {

// Some moment of 2026, and a microsecond more for every posting.
constexpr std::int64_t first_moment = 1'770'000'000'000'000;

known_postings known_among(const posting_batch& batch,
                           const std::map<record_id, posting>& postings) {
  known_postings result;
  for (const auto& each : batch.entries)
    if (const auto found = postings.find(each.asked.id); found != postings.end())
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

post_result memory_store::post(const posting_batch& batch, const post_limits& limits) {
  ++posts_;
  if (failures_ > 0) {
    --failures_;
    return store_failure{failure_, "the test asked for it"};
  }
  if (auto failure = blocks(batch, limits))
    return std::move(*failure);
  const std::lock_guard lock(shared_->mutex_);
  posted result;
  const auto before = present_heads(batch, result.statistics);
  auto planned = plan(batch, before, known_among(batch, shared_->content_.postings));
  if (rejects(planned))
    return store_failure{store_failure_kind::rejected, "the test asked for it"};
  result.statistics.rows = static_cast<std::uint32_t>(planned.rows.size());
  write(batch, before, planned);
  if (!planned.rows.empty() && commits_in_doubt_ > 0) {
    --commits_in_doubt_;
    return store_failure{store_failure_kind::in_doubt, "the test asked for it"};
  }
  result.heads = std::move(planned.heads);
  result.answers = complete(std::move(planned));
  return result;
}

std::vector<account_head> memory_store::present_heads(const posting_batch& batch,
                                                      post_statistics& statistics) const {
  std::vector<account_head> result;
  for (const auto& [account, given] : batch.heads) {
    const auto found = shared_->content_.accounts.find(account);
    const auto present = found == shared_->content_.accounts.end() ? account_head{} : found->second;
    statistics.heads_read += !given;
    statistics.fence_rejections += given && *given != present;
    statistics.heads_lost += given && *given != present && given->seq >= present.seq;
    result.push_back(present);
  }
  return result;
}

std::optional<store_failure> memory_store::blocks(const posting_batch& batch,
                                                  const post_limits& limits) const {
  store_failure failure{store_failure_kind::blocked, "the test asked for it"};
  bool found = false;
  for (std::size_t place = 0; place < batch.heads.size(); ++place) {
    const auto how = blocked_.find(batch.heads[place].account);
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

void memory_store::write(const posting_batch& batch, const std::vector<account_head>& before,
                         batch_plan& planned) {
  auto& [accounts, postings] = shared_->content_;
  for (auto& row : planned.rows) {
    const auto number = static_cast<std::int64_t>(postings.size()) + 1;
    row.id = transaction_id{number};
    row.created_at = database_time{first_moment + number};
    postings.emplace(row.record, row);
  }
  for (std::size_t i = 0; i < before.size(); ++i)
    if (planned.heads[i].seq != before[i].seq)
      accounts.insert_or_assign(batch.heads[i].account, planned.heads[i]);
}

} // namespace ledgerd::test
