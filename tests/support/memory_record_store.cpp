#include "tests/support/memory_record_store.hpp"

#include <algorithm>
#include <utility>

#include "domain/trace_context.hpp"

namespace ledgerd::test {

namespace {

constexpr std::int64_t first_id = 1'000'000'000'000'000;

// The rules of the table (persistence/migrations/account).
bool holds(const new_record& each) {
  const auto& user = each.asked.account.user_id;
  return !user.empty() && user.size() <= 128 && user.find('\0') == std::string::npos
         && each.asked.amount.minor_units() > 0 && each.idempotency_key.size() <= 255
         && (each.traceparent.empty()
             || (each.traceparent.starts_with("00-") && read_traceparent(each.traceparent)));
}

// Whether a record that has its verdict has this one.
bool agrees(const transaction_record& stored, const record_verdict& told) {
  if (told.parked)
    return told.reason == stored.reason || told.reason != reason_record_id_conflict;
  return stored.asked == told.decided && stored.status == told.status
         && stored.reason == told.reason && stored.transaction == told.transaction
         && stored.balance_after == told.balance_after;
}

bool holds(const record_verdict& verdict) {
  const bool right_reason =
      verdict.status == record_status::success
          ? verdict.reason.empty()
          : verdict.status == record_status::failed && parse_reason(verdict.reason).has_value();
  return right_reason && to_int(verdict.transaction) > 0
         && verdict.balance_after.minor_units() >= 0;
}

store_failure asked_for(store_failure_kind kind) {
  return {kind, "the test asked for it"};
}

} // namespace

memory_record_database::content memory_record_database::picture() const {
  const std::lock_guard lock(mutex_);
  return records_;
}

void memory_record_database::pass(std::chrono::milliseconds time) {
  const std::lock_guard lock(mutex_);
  microseconds_ += std::chrono::microseconds(time).count();
}

memory_record_store::memory_record_store(std::shared_ptr<memory_record_database> shared)
    : shared_(std::move(shared)) {}

void memory_record_store::fail_next(int count, store_failure_kind kind, bool refused) {
  failures_ = count;
  refused_ = refused;
  failure_ = kind;
}

// `function` returns a Result, or nothing for a batch that breaks a rule; it has written nothing
// then.
template <class Result, class Function>
std::variant<Result, store_failure> memory_record_store::run(Function function) {
  ++calls_;
  if (failures_ > 0) {
    --failures_;
    auto failure = asked_for(failure_);
    failure.refused = refused_;
    return failure;
  }
  const std::lock_guard lock(shared_->mutex_);
  ++shared_->microseconds_;
  wrote_ = false;
  std::optional<Result> result = function();
  if (!result)
    return store_failure{breach_, "the batch breaks a rule of the table"};
  if (wrote_ && commits_in_doubt_ > 0) {
    --commits_in_doubt_;
    return asked_for(store_failure_kind::in_doubt);
  }
  return std::move(*result);
}

record_result memory_record_store::record(const std::vector<new_record>& batch) {
  if (takes_no_rows_ && !batch.empty())
    return store_failure{store_failure_kind::unavailable, "a column is null"};
  return run<std::vector<recorded>>([&]() -> std::optional<std::vector<recorded>> {
    // The first place of a key is the one that the table sees.
    std::vector<recorded> result;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& key = batch[i].idempotency_key;
      const bool repeats = !key.empty()
                           && std::any_of(batch.begin(), batch.begin() + static_cast<long>(i),
                                          [&](const auto& e) { return e.idempotency_key == key; });
      if (!repeats && (!holds(batch[i]) || batch[i].asked.account.user_id == rejected_user_))
        return std::nullopt;
    }
    for (const auto& each : batch)
      result.push_back(record_one(each));
    return result;
  });
}

recorded memory_record_store::record_one(const new_record& each) {
  auto& records = shared_->records_;
  auto& keys = shared_->keys_;
  if (const auto known = keys.find(each.idempotency_key); known != keys.end()) {
    const auto& stored = records.at(known->second);
    return {stored.asked == each.asked ? record_outcome::repeated : record_outcome::conflict,
            stored};
  }
  const record_id id{first_id + static_cast<std::int64_t>(records.size())};
  const transaction_record row{
      .id = id, .asked = each.asked, .created_at = now(), .updated_at = now()};
  records.emplace(id, row);
  if (!each.traceparent.empty())
    shared_->traces_.emplace(id, each.traceparent);
  if (!each.idempotency_key.empty())
    keys.emplace(each.idempotency_key, id);
  wrote_ = true;
  return {record_outcome::recorded, row};
}

std::vector<std::size_t>
memory_record_store::places_locked(const std::vector<record_verdict>& batch) const {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (std::find(locked_.begin(), locked_.end(), batch[i].id) != locked_.end())
      places.push_back(i);
  return places;
}

settle_result memory_record_store::settle(const std::vector<record_verdict>& batch) {
  if (before_settlements_)
    before_settlements_();
  if (auto locked = places_locked(batch); !locked.empty() && failures_ == 0) {
    ++calls_;
    return store_failure{store_failure_kind::blocked, "records are locked", std::move(locked)};
  }
  return run<std::vector<settled>>([&]() -> std::optional<std::vector<settled>> {
    const auto& records = shared_->records_;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& verdict = batch[i];
      const auto row = records.find(verdict.id);
      const bool repeats = std::any_of(batch.begin(), batch.begin() + static_cast<long>(i),
                                       [&](const auto& e) { return e.id == verdict.id; });
      if (!repeats && !verdict.parked && row != records.end()
          && row->second.status == record_status::pending && row->second.asked == verdict.decided
          && (!holds(verdict) || verdict.transaction == rejected_))
        return std::nullopt;
    }
    std::vector<settled> result;
    for (const auto& verdict : batch)
      result.push_back(settle_one(verdict));
    return result;
  });
}

settled memory_record_store::settle_one(const record_verdict& verdict) {
  const auto found = shared_->records_.find(verdict.id);
  if (found == shared_->records_.end())
    return {};
  auto& row = found->second;
  if (verdict.parked && row.asked != verdict.decided)
    return {settle_outcome::unrelated, row};
  if (row.status != record_status::pending)
    return {agrees(row, verdict)                      ? settle_outcome::known
            : row.reason == reason_record_id_conflict ? settle_outcome::conflict
                                                      : settle_outcome::contrary,
            row};
  row.updated_at = now();
  wrote_ = true;
  if (verdict.parked) {
    row.status = record_status::failed;
    row.reason = verdict.reason;
    return {settle_outcome::settled, row};
  }
  if (row.asked != verdict.decided) {
    row.status = record_status::failed;
    row.reason = reason_record_id_conflict;
    return {settle_outcome::conflict, row};
  }
  row.status = verdict.status;
  row.reason = verdict.reason;
  row.transaction = verdict.transaction;
  row.balance_after = verdict.balance_after;
  return {settle_outcome::settled, row};
}

find_result memory_record_store::find(const std::vector<record_id>& ids) {
  using found = std::vector<transaction_record>;
  return run<found>([&] {
    found result;
    for (const auto& [id, row] : shared_->records_)
      if (std::find(ids.begin(), ids.end(), id) != ids.end())
        result.push_back(row);
    return std::optional(std::move(result));
  });
}

find_result memory_record_store::claim(std::chrono::milliseconds age, std::size_t limit) {
  if (before_claims_)
    before_claims_();
  using found = std::vector<transaction_record>;
  return run<found>([&] {
    std::vector<transaction_record*> old;
    constexpr std::int64_t minute = 60'000'000, hour = 60 * minute;
    for (auto& [id, row] : shared_->records_) {
      const auto rested = to_int(now()) - to_int(row.updated_at);
      const auto before = to_int(row.updated_at) - to_int(row.created_at);
      const bool is_due =
          rested >= std::chrono::microseconds(age).count() && rested >= std::min(before, hour);
      if (row.status == record_status::pending && (is_due || rested < -minute))
        old.push_back(&row);
    }
    std::stable_sort(old.begin(), old.end(),
                     [](auto a, auto b) { return a->updated_at < b->updated_at; });
    old.resize(std::min(old.size(), limit));
    found result;
    for (const auto row : old) {
      row->updated_at = now();
      wrote_ = true;
      result.push_back(*row);
      if (const auto trace = shared_->traces_.find(row->id); trace != shared_->traces_.end())
        result.back().traceparent = trace->second;
    }
    return std::optional(std::move(result));
  });
}

} // namespace ledgerd::test
